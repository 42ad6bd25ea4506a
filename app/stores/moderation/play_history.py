"""The plays of players in a time window, from the ledger, as input of the learned model. Needs numpy."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import sqlalchemy as sa

from anticheat.features import LEAST_PLAYS
from anticheat.plays import Plays
from anticheat.rules import ActionTypeLimits
from app.domain.action_types import LIMITS
from app.stores.postgres.engine import Database
from app.stores.postgres.past_times import past
from app.stores.postgres.rows import Row

# So many redemptions are in memory together while a model learns: 60 bytes each.
TOGETHER = 1_000_000

# A player's part follows from their id: ids are random, and the same on every machine.
_PART = "('x' || left(CAST(player_id AS text), 8))::bit(32)::bigint % :parts = :part"
_WHEN = "kind = 'redeem' AND api_key_id IS NULL AND e.created_at >= :since AND e.created_at < :until"
_DECIDED = f"""
    LEFT JOIN (
        SELECT player_id, greatest({past("cleared_at")}, decided_at) AS decided_at FROM suspicion FULL JOIN (
            SELECT player_id, max({past("decided_at")}) AS decided_at FROM cases GROUP BY player_id
        ) c USING (player_id)
    ) d USING (player_id)
"""
_MOST_VERDICTS = 200  # of each kind, the newest


@dataclass(frozen=True, slots=True)
class PlayWindow:
    """One player's plays from `since` to before `until`."""

    player_id: UUID
    plays: Plays


@dataclass(frozen=True, slots=True)
class CaseStart:
    """A case, its player, and when it was opened."""

    case_id: UUID
    player_id: UUID
    opened_at: datetime


class PlayLedger:
    """One snapshot of the ledger."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        rows = connection.execute(sa.text(f"SELECT id, slug, {', '.join(LIMITS)} FROM action_types")).fetchall()
        self._slugs: dict[int, str] = {row.id: row.slug for row in rows}
        self.limits: Mapping[str, ActionTypeLimits] = {row.slug: ActionTypeLimits(*row[2:]) for row in rows}

    def parts(self, since: datetime, until: datetime) -> int:
        """Return the number of parts in which to read the players of this time, so that each part fits into memory."""
        count = sa.text(f"SELECT count(*) FROM score_events e WHERE {_WHEN}")
        return 1 + int(self._connection.execute(count, {"since": since, "until": until}).scalar_one()) // TOGETHER

    def windows(
        self,
        since: datetime,
        until: datetime,
        part: int = 0,
        parts: int = 1,
        *,
        is_judged: bool = False,
        active_since: datetime | None = None,
        player_id: UUID | None = None,
    ) -> Iterator[PlayWindow]:
        """Yield the windows of this part's players with at least LEAST_PLAYS plays, in the order of their ids.

        If they are judged, plays of before a person's last decision on the player don't count. `active_since`: only
        players that have played since then.
        """
        activity = "AND max(e.created_at) >= :active" if active_since else ""
        grouped = sa.text(
            f"""
            SELECT player_id, array_agg(e.action_type_id ORDER BY e.id) AS action_types,
                   array_agg(extract(epoch FROM issued_at)::float8 ORDER BY e.id) AS issued_at,
                   array_agg(extract(epoch FROM coalesce(judged_at, e.created_at))::float8 ORDER BY e.id)
                       AS completed_at,
                   array_agg(e.points::float8 ORDER BY e.id) AS points
            FROM score_events e {_DECIDED if is_judged else ""}
            WHERE {_WHEN} AND {_PART}
              {"AND e.player_id = :player" if player_id else ""}
              {"AND (decided_at IS NULL OR coalesce(judged_at, e.created_at) > decided_at)" if is_judged else ""}
            GROUP BY player_id HAVING count(*) >= {LEAST_PLAYS} {activity}
            ORDER BY player_id
            """
        )
        streamed = self._connection.execution_options(stream_results=True, max_row_buffer=20)
        values = {"since": since, "until": until, "part": part, "parts": parts}
        values |= {"player": player_id} if player_id else {}
        values |= {"active": active_since} if active_since else {}
        for row in streamed.execute(grouped, values):
            yield PlayWindow(row.player_id, self._plays(row))

    def _plays(self, row: Row) -> Plays:
        completed = np.array(row.completed_at)
        order = np.argsort(completed, kind="stable")  # ids follow the order of commits, and that only nearly
        names = [self._slugs[row.action_types[index]] for index in order]
        issued, points = np.array(row.issued_at)[order], np.array(row.points)[order]
        return Plays.from_arrays(names, issued, completed[order], self.limits, points)

    def left_out(self) -> list[UUID]:
        """Return the players that a model must not learn from: suspended, or with an open or confirmed case."""
        rows = self._connection.execute(
            sa.text(
                """
                SELECT player_id FROM cases WHERE state IN ('open', 'confirmed')
                UNION SELECT id FROM players WHERE status = 'suspended' ORDER BY 1
                """
            )
        )
        return [row.player_id for row in rows]

    def verdicts(self) -> dict[UUID, bool]:
        """Return the newest decisions of each kind by their cases: true if confirmed."""
        rows = self._connection.execute(
            sa.text(
                """
                SELECT id, state FROM (
                    SELECT *, row_number() OVER (PARTITION BY state ORDER BY decided_at DESC) AS number
                    FROM cases WHERE state IN ('cleared', 'confirmed')
                ) c WHERE number <= :most
                """
            ),
            {"most": _MOST_VERDICTS},
        )
        return {row.id: row.state == "confirmed" for row in rows}

    def cases(self, ids: Collection[UUID]) -> list[CaseStart]:
        """Return the starts of these cases in the order of their ids, whatever was decided on them since."""
        query = "SELECT id, player_id, opened_at FROM cases WHERE id = ANY(:ids) ORDER BY id"
        return [CaseStart(*row) for row in self._connection.execute(sa.text(query), {"ids": list(ids)})]


@contextmanager
def play_ledger(source: Database) -> Iterator[PlayLedger]:
    """Yield a snapshot of the ledger on `source`, the primary or a replica."""
    with source.snapshot() as connection:
        yield PlayLedger(connection)
