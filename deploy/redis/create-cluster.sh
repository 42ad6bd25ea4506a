#!/bin/sh
# Makes one cluster of the six nodes unless they are one; ends once every slot is served.
# NODES are their addresses, the masters first; REDISCLI_AUTH is their password.
set -eu

first=${NODES%% *}
about() { redis-cli -h "${first%:*}" -p "${first#*:}" cluster info | tr -d '\r'; }

if about | grep -qx 'cluster_known_nodes:1'; then
    # shellcheck disable=SC2086 # one word for each node is what is wanted
    redis-cli --cluster create $NODES --cluster-replicas 1 --cluster-yes
fi
until about | grep -qx 'cluster_state:ok'; do
    sleep 1
done
