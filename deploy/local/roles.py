"""Who is who in a private PostgreSQL: the application is no superuser, and the replicas have a role of their own.

An earlier version ran the application as the superuser, so what that one owns is handed over.
"""

from __future__ import annotations

import psycopg
from psycopg.sql import SQL, Identifier

APPLICATION = "fairboard_app"
REPLICATION = "replication"

# The application reads how far replicas are, which is not everybody's to see.
_CREATE = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APPLICATION}') THEN
        CREATE ROLE {APPLICATION} LOGIN;
        GRANT pg_read_all_stats TO {APPLICATION};
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{REPLICATION}') THEN
        CREATE ROLE {REPLICATION} LOGIN REPLICATION;
    END IF;
END $$
"""
# Sequences of a table's columns follow the table.
_HAND_OVER = f"""
DO $$ DECLARE
    object record;
BEGIN
    FOR object IN
        SELECT format('ALTER TABLE %s OWNER TO {APPLICATION}', c.oid::regclass) AS command
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relowner <> '{APPLICATION}'::regrole
          AND (c.relkind IN ('r', 'p', 'v', 'm') OR c.relkind = 'S' AND NOT EXISTS (
              SELECT FROM pg_depend d
              WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO {APPLICATION}', p.oid::regprocedure)
        FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proowner <> '{APPLICATION}'::regrole
    LOOP
        EXECUTE object.command;
    END LOOP;
END $$
"""


def create(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Create the roles that are missing."""
    connection.execute(_CREATE)


def create_database(connection: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    """Create a database that the application owns, or make it the owner of one that is there."""
    query = "SELECT datdba = %s::regrole FROM pg_database WHERE datname = %s"
    owned = connection.execute(query, (APPLICATION, name)).fetchone()
    if owned == (True,):
        return
    command = "CREATE DATABASE {} OWNER {}" if owned is None else "ALTER DATABASE {} OWNER TO {}"
    connection.execute(SQL(command).format(Identifier(name), Identifier(APPLICATION)))


def hand_over(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Make the application the owner of everything in this database."""
    connection.execute(_HAND_OVER)
