#!/bin/bash
# At each start, before the migrations: the application's role with its password, and everything in the database its own.
set -euo pipefail

export PGPASSWORD=$POSTGRES_PASSWORD
psql --set ON_ERROR_STOP=1 --set password="$DATABASE_PASSWORD" --host postgres --username fairboard --dbname fairboard \
    --file /fairboard/roles.sql --file - <<'SQL'
ALTER ROLE fairboard_app PASSWORD :'password';
SQL
