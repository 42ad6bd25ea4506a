"""The roles of a private PostgreSQL, from deploy/postgres/roles.sql, which the compose file uses too."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

APPLICATION = "fairboard_app"
REPLICATION = "replication"

_SCRIPT = Path(__file__).resolve().parents[1] / "deploy" / "postgres" / "roles.sql"


def create_database(admin: str, name: str) -> None:
    """Create an empty database unless it exists; `admin` is the URL of any other database, for a superuser."""
    with psycopg.connect(admin, autocommit=True) as connection:
        row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if row is None:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))


def hand_over(admin: str) -> None:
    """Create the roles that are missing, and make the application the owner of everything in this database."""
    with psycopg.connect(admin) as connection:
        connection.execute(_SCRIPT.read_bytes())
