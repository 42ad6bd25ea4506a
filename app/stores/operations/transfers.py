"""Whole tables in the columns of files, for `flask export`: one moment of the database, a thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa

from app.domain.boards import Season
from app.stores.boards.counting import COUNTS, NEWEST_REVERSAL, feeds, is_within
from app.stores.postgres.engine import Database

_CHUNK = 1000
_SECONDS = 600  # of the longest read: an export blocks nobody

_PLAYERS = """
    SELECT p.id AS user_id, p.external_id, p.username, p.status, p.created_at, coalesce((
        SELECT json_object_agg(a.name, a.value ORDER BY a.name) FROM player_attributes a WHERE a.player_id = p.id
    ), '{}') AS attributes
    FROM players p WHERE p.status <> 'erased' ORDER BY p.created_at, p.id
"""
_ATTRIBUTES = "SELECT DISTINCT name FROM player_attributes ORDER BY name"
_STANDINGS = """
    SELECT rank() OVER (ORDER BY s.score DESC) AS rank, s.player_id AS user_id, p.external_id, p.username,
           s.score * :sign AS score, s.achieved_at, e.metadata
    FROM standings s JOIN players p ON p.id = s.player_id
    LEFT JOIN score_events e ON e.action_id = s.action_id AND e.kind = 'redeem'
    WHERE s.season_id = :season AND s.listed AND s.achieved_at IS NOT NULL
    ORDER BY s.score DESC, s.achieved_at, s.player_id
"""
_EVENTS = f"""
    SELECT e.action_id, e.player_id AS user_id, p.external_id, t.slug AS action_type, e.points AS result, e.created_at,
           e.issued_at, e.metadata
    FROM score_events e JOIN players p ON p.id = e.player_id AND p.status <> 'erased'
    JOIN action_types t ON t.id = e.action_type_id {NEWEST_REVERSAL}
    WHERE {COUNTS} AND (CAST(:seasons AS int[]) IS NULL OR EXISTS (
        SELECT FROM seasons n WHERE n.id = ANY(:seasons) AND {feeds("t", "n")} AND {is_within("e.created_at", "n")}
    ))
    ORDER BY e.player_id, e.id
"""

Record = dict[str, object]


class Transfer:
    """Reads of one export, all of one moment."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def attribute_names(self) -> list[str]:
        """Return the names of all attributes that a player has."""
        return list(self._connection.execute(sa.text(_ATTRIBUTES)).scalars())

    def players(self) -> Iterator[Record]:
        """Yield the players in the order of their creation; those who are erased are left out."""
        return self._read(_PLAYERS)

    def standings(self, season: Season) -> Iterator[Record]:
        """Yield the public standings of a season, best first; suspended players are left out."""
        return self._read(_STANDINGS, season=season.id, sign=season.stored(1))

    def events(self, seasons: Sequence[int] | None) -> Iterator[Record]:
        """Yield the events that count, in these seasons or anywhere, player by player in the order of the ledger."""
        return self._read(_EVENTS, seasons=None if seasons is None else list(seasons))

    def _read(self, sql: str, **values: object) -> Iterator[Record]:
        options = {"stream_results": True, "yield_per": _CHUNK}
        rows = self._connection.execute(sa.text(sql), values, execution_options=options)
        for row in rows:
            yield {name: _in_microseconds(value) for name, value in row._mapping.items()}


class TransferStore:
    """Reads of the primary, which has everything."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @contextmanager
    def transfer(self) -> Iterator[Transfer]:
        """Yield the reads of one moment, until the block ends."""
        with self._db.snapshot(_SECONDS) as connection:
            yield Transfer(connection)


def _in_microseconds(value: object) -> object:
    """Return a time as RFC 3339 with all its digits, so that ties stay as they are, and other values as such."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value
