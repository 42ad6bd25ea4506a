"""Everything that the database holds, to show that a dry run writes nothing."""

from __future__ import annotations

from app.containers.container import Container

_OF_EACH_REQUEST = {"api_keys"}  # the time at which a key was used last


def contents(container: Container) -> dict[str, list[str]]:
    """Return the rows of each table, as text."""
    tables = container.database.rows(
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    return {
        table.name: [row.text for row in container.database.rows(f'SELECT t::text AS text FROM "{table.name}" t')]
        for table in tables
        if table.name not in _OF_EACH_REQUEST
    }
