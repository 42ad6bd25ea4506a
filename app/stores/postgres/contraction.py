"""The last step of an upgrade: what the schema has only for processes of earlier versions is dropped.

Migrations expand: processes of the version before go on beside them. This step is apart from them, because only an
operator knows that none of those will come back. Until it was taken, boards and action types can't be changed, since
earlier versions know no others than theirs.
"""

from __future__ import annotations

import sqlalchemy as sa

# What migration 0018 left for processes of before it.
_LEFTOVERS = "SELECT to_regproc('unlist_standing') IS NOT NULL OR to_regclass('ix_standings_held') IS NOT NULL"
_DROPS = ("DROP FUNCTION IF EXISTS unlist_standing CASCADE", "DROP INDEX IF EXISTS ix_standings_held")
_OLDEST = "0018"

# The sessions of a process end with the schema that its version was written for, except those of before 0023.
_EARLIER = """
    SELECT application_name AS name, count(*) AS sessions FROM pg_stat_activity
    WHERE datname = current_database() AND application_name ~ '^fairboard( |$)'
      AND coalesce(substring(application_name FROM '[0-9]{4}$'), '') < :oldest
    GROUP BY application_name ORDER BY application_name
"""


def is_pending(connection: sa.Connection) -> bool:
    """Return whether the schema still has something for processes of earlier versions."""
    return bool(connection.execute(sa.text(_LEFTOVERS)).scalar())


def earlier_sessions(connection: sa.Connection) -> dict[str, int]:
    """Return how many sessions processes of earlier versions have on this database, by their names."""
    rows = connection.execute(sa.text(_EARLIER), {"oldest": _OLDEST})
    return {row.name: row.sessions for row in rows}


def drop_leftovers(connection: sa.Connection) -> None:
    """Drop what only earlier versions need, in one transaction."""
    for statement in _DROPS:
        connection.execute(sa.text(statement))
    connection.commit()
