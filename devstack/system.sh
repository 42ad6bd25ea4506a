#!/bin/sh
# Install those of the named packages of the system that are missing, where we may: `system.sh rabbitmq-server nginx`.
# Nothing installed here is started. Ends with 1 and one line that says what to type if some are still missing.
set -eu
CDPATH="" cd -- "$(dirname -- "$0")/../.."

there() {
    case $1 in
    rabbitmq-server) [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || has rabbitmq-server ;;
    chromium) has chromium || has google-chrome ;;
    *) has "$1" ;;
    esac
}
# Servers are often where only root looks.
has() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null; }
find_missing() {
    missing=""
    for package; do
        there "$package" || missing="$missing $package"
    done
}

find_missing "$@"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # Packages of servers start them; this file asks them not to.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    log=var/log/apt.log
    mkdir -p var/log
    echo "Installing from the system's packages:$missing (all of it goes to $log)"
    apt-get update >"$log" 2>&1 || echo "apt-get update failed: trying with the lists there are"
    # shellcheck disable=SC2086 # one word for each package is what is wanted
    apt-get install -y --no-install-recommends $missing >>"$log" 2>&1 || echo "apt-get failed, see $log"
    find_missing "$@"
    [ -n "$missing" ] || exit 0
fi
echo "Not installed:$missing (as root: apt-get install --no-install-recommends$missing)"
exit 1
