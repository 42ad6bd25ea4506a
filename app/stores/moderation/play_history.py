"""The plays of all players in a time window, from the ledger, as input of the learned model. Needs numpy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import sqlalchemy as sa

from anticheat.features import LEAST_PLAYS, Plays
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row

# So many redemptions are in memory together: 24 bytes each, and the model compares them with each other.
TOGETHER = 1_000_000

# A player's part follows from their id: ids are random, and the same on every machine.
_PART = "('x' || left(CAST(player_id AS text), 8))::bit(32)::bigint % :parts = :part"
_WHEN = "kind = 'redeem' AND e.created_at >= :since AND e.created_at < :until"
_DECIDED = """
    LEFT JOIN (
        SELECT player_id, greatest(cleared_at, decided_at) AS decided_at FROM suspicion
        FULL JOIN (SELECT player_id, max(decided_at) AS decided_at FROM cases GROUP BY player_id) c USING (player_id)
    ) d USING (player_id)
"""


@dataclass(frozen=True, slots=True)
class PlayWindow:
    """One player's plays from `since` to before `until`."""

    player_id: UUID
    plays: Plays


class PlayLedger:
    """One snapshot of the ledger."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def parts(self, since: datetime, until: datetime) -> int:
        """Return the number of parts in which to read the players of this time, so that each part fits into memory."""
        count = sa.text(f"SELECT count(*) FROM score_events e WHERE {_WHEN}")
        return 1 + int(self._connection.execute(count, {"since": since, "until": until}).scalar_one()) // TOGETHER

    def windows(
        self, since: datetime, until: datetime, part: int = 0, parts: int = 1, *, is_judged: bool = False
    ) -> list[PlayWindow]:
        """Return the windows of this part's players with at least LEAST_PLAYS plays, in the order of their ids.

        If they are judged, plays of before a person's last decision on the player don't count.
        """
        grouped = sa.text(
            f"""
            SELECT player_id, array_agg(t.slug ORDER BY e.id) AS action_types,
                   array_agg(extract(epoch FROM issued_at)::float8 ORDER BY e.id) AS issued_at,
                   array_agg(extract(epoch FROM coalesce(judged_at, e.created_at))::float8 ORDER BY e.id)
                       AS completed_at
            FROM score_events e JOIN action_types t ON t.id = e.action_type_id {_DECIDED}
            WHERE {_WHEN} AND {_PART}
              AND (NOT :is_judged OR decided_at IS NULL OR coalesce(judged_at, e.created_at) > decided_at)
            GROUP BY player_id HAVING count(*) >= {LEAST_PLAYS} ORDER BY player_id
            """
        )
        streamed = self._connection.execution_options(stream_results=True, max_row_buffer=100)
        values = {"since": since, "until": until, "part": part, "parts": parts, "is_judged": is_judged}
        return [_window(row) for row in streamed.execute(grouped, values)]


def _window(row: Row) -> PlayWindow:
    completed = np.array(row.completed_at)
    order = np.argsort(completed, kind="stable")  # ids follow the order of commits, and that only nearly
    action_types = [row.action_types[index] for index in order]
    return PlayWindow(row.player_id, Plays(action_types, np.array(row.issued_at)[order], completed[order]))


@contextmanager
def play_ledger(source: Database) -> Iterator[PlayLedger]:
    """Yield a snapshot of the ledger on `source`, the primary or a replica."""
    with source.snapshot() as connection:
        yield PlayLedger(connection)
