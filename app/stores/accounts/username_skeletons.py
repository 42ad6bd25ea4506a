"""The skeletons of usernames, which look-alikes share: unique, so that the database decides who was first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

_BATCH = 1000
_PLAYERS = "SELECT id, username FROM players p {} ORDER BY created_at, id"
_WITHOUT = "WHERE (SELECT count(*) FROM username_skeletons s WHERE s.player_id = p.id) < 2"
_KEEP = """
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
    """An account whose name looks like that of an account which was there before."""

    player_id: UUID
    username: str
    first_id: UUID
    first_username: str


def fill(connection: sa.Connection, skeletons: Skeletons) -> list[LookAlike]:
    """Give every account the skeletons that it lacks, the first registered first; return those left without.

    Runs in the caller's transaction, in batches, with flat memory.
    """
    connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
    for rows in _streamed(connection, _PLAYERS.format(_WITHOUT)):
        pairs = [(skeleton, row.id) for row in rows for skeleton in skeletons(row.username)]
        values = {"skeletons": [skeleton for skeleton, _ in pairs], "players": [player for _, player in pairs]}
        connection.execute(sa.text(_KEEP), values)
    without = [row for rows in _streamed(connection, _PLAYERS.format(_WITHOUT)) for row in rows]
    return [_look_alike(connection, row.id, row.username, skeletons) for row in without]


def _look_alike(connection: sa.Connection, player_id: UUID, username: str, skeletons: Skeletons) -> LookAlike:
    values = {"skeletons": list(skeletons(username)), "player": player_id}
    first = connection.execute(sa.text(_HOLDER), values).one()
    return LookAlike(player_id, username, first.id, first.username)


def _streamed(connection: sa.Connection, query: str) -> Iterator[Sequence[sa.Row[Any]]]:
    statement = sa.text(query).execution_options(stream_results=True, max_row_buffer=_BATCH)
    return connection.execute(statement).partitions(_BATCH)
