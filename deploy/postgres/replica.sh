#!/bin/bash
# A replica's start: a copy of the primary if it has no data yet, then the server as the image starts it.
# REPLICA is its name, such as replica-1; its slot on the primary has the same with an underscore.
set -euo pipefail

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    install -d -m 0700 -o postgres -g postgres "$(dirname "$PGDATA")" "$PGDATA"
    # Into a folder beside, renamed when complete: a start that is cut short leaves no half copy behind.
    rm -rf "$PGDATA.unfinished"
    PGPASSWORD=$REPLICATION_PASSWORD gosu postgres pg_basebackup -w -X stream -c fast -R -S "${REPLICA/-/_}" \
        -d "host=postgres user=replication application_name=$REPLICA" -D "$PGDATA.unfinished"
    rmdir "$PGDATA"
    mv "$PGDATA.unfinished" "$PGDATA"
fi
exec docker-entrypoint.sh "$@"
