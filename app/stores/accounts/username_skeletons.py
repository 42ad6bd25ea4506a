"""The skeletons of usernames, which look-alikes share: unique, so that the database decides which account was first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from uuid import UUID

import sqlalchemy as sa

from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row

_BATCH = 1000
_PLAYERS = "SELECT id, username FROM players p {} ORDER BY created_at, id"
_INCOMPLETE = "WHERE (SELECT count(*) FROM username_skeletons s WHERE s.player_id = p.id) < 2"
_INSERT = """
    INSERT INTO username_skeletons (skeleton, player_id)
    SELECT * FROM unnest(CAST(:skeletons AS text[]), CAST(:players AS uuid[])) ON CONFLICT DO NOTHING
"""
_HOLDER = """
    SELECT p.id, p.username FROM username_skeletons s JOIN players p ON p.id = s.player_id
    WHERE s.skeleton = ANY(:skeletons) AND p.id <> :player ORDER BY p.created_at, p.id LIMIT 1
"""

Skeletons = Callable[[str], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class LookAlike:
    """An account whose name looks like the name of an earlier account."""

    player_id: UUID
    username: str
    first_id: UUID
    first_username: str


def fill(connection: sa.Connection, skeletons: Skeletons) -> list[LookAlike]:
    """Give every account its missing skeletons, the oldest account first; return the accounts that still lack one.

    Runs in the caller's transaction, in batches, with flat memory.
    """
    for rows in _stream(connection, _PLAYERS.format(_INCOMPLETE)):
        _add(connection, rows, skeletons)
    return _find_look_alikes(connection, skeletons)


def fill_in_steps(database: Database, skeletons: Skeletons) -> list[LookAlike]:
    """Do as `fill` does while players register: each batch is a transaction, which they don't wait for."""
    with database.transaction() as reader:
        for rows in _stream(reader, _PLAYERS.format(_INCOMPLETE)):
            database.run(partial(_add, rows=rows, skeletons=skeletons))
    with database.transaction() as connection:
        return _find_look_alikes(connection, skeletons)


def _add(connection: sa.Connection, rows: Sequence[Row], skeletons: Skeletons) -> None:
    """Add the skeletons in their order, as a registration does; of equal ones the first row's counts."""
    pairs = sorted(((skeleton, row.id) for row in rows for skeleton in skeletons(row.username)), key=itemgetter(0))
    values = {"skeletons": [skeleton for skeleton, _ in pairs], "players": [player for _, player in pairs]}
    connection.execute(sa.text(_INSERT), values)


def _find_look_alikes(connection: sa.Connection, skeletons: Skeletons) -> list[LookAlike]:
    incomplete = [row for rows in _stream(connection, _PLAYERS.format(_INCOMPLETE)) for row in rows]
    return [_find_look_alike(connection, row.id, row.username, skeletons) for row in incomplete]


def _find_look_alike(connection: sa.Connection, player_id: UUID, username: str, skeletons: Skeletons) -> LookAlike:
    values = {"skeletons": list(skeletons(username)), "player": player_id}
    holder = connection.execute(sa.text(_HOLDER), values).one()
    return LookAlike(player_id, username, holder.id, holder.username)


def _stream(connection: sa.Connection, query: str) -> Iterator[Sequence[Row]]:
    connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
    statement = sa.text(query).execution_options(stream_results=True, max_row_buffer=_BATCH)
    return connection.execute(statement).partitions(_BATCH)
