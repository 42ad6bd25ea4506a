#!/bin/bash
# Runs once, when the primary's data are made: who may replicate, and a slot for each replica.
set -euo pipefail

psql --set ON_ERROR_STOP=1 --set password="$REPLICATION_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE replication LOGIN REPLICATION PASSWORD :'password';
SELECT pg_create_physical_replication_slot('replica_1', true), pg_create_physical_replication_slot('replica_2', true);
SQL
echo "host replication replication samenet scram-sha-256" >>"$PGDATA/pg_hba.conf"
