"""Which standings have changed lately: by the ledger, and by what people decided."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.domain.boards import Season
from app.stores.postgres.engine import Database

_LATELY = 5000  # events that are looked at where nobody knows which were looked at before
# An event's number is drawn before its commit: an older number may appear after a newer one, as late as the longest
# transaction that writes events.
_COMMIT_SECONDS = 30


class DecisionTime(NamedTuple):
    """When somebody last decided on a player."""

    at: datetime
    player: UUID


class RecentChangeStore:
    """Every change of a standing is an event of the ledger, or touches its player (`PlayerStore.touch`)."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def unseen_after(self, seen: int) -> int:
        """The event after which to look, if all up to `seen` were looked at; 0: nobody knows.

        A number that the ledger has not reached is of a database that was restored since.
        """
        row = self._db.row(
            """
            SELECT coalesce(max(id), 0) AS newest, CASE WHEN count(*) < :most THEN 0 ELSE min(id) - 1 END AS lately
            FROM (SELECT id FROM score_events ORDER BY id DESC LIMIT :most) events
            """,
            most=_LATELY,
        )
        assert row is not None
        return seen if 0 < seen <= row.newest else int(row.lately)

    def settled(self) -> int:
        """The newest event before which no other will appear; 0 if there is none."""
        row = self._db.row(
            """
            SELECT id FROM score_events WHERE created_at < clock_timestamp() - make_interval(secs => :seconds)
            ORDER BY id DESC LIMIT 1
            """,
            seconds=_COMMIT_SECONDS,
        )
        return int(row.id) if row else 0

    def by_events(self, season: Season, after: int, most: int) -> tuple[int | None, list[UUID]]:
        """The last of the next `most` events, None if there are none; and whose they are, of this season."""
        row = self._db.row(
            """
            WITH events AS (
                SELECT id, player_id, season_id FROM score_events WHERE id > :after ORDER BY id LIMIT :most
            )
            SELECT (SELECT max(id) FROM events) AS last,
                   ARRAY(SELECT DISTINCT player_id FROM events WHERE season_id = :season) AS players
            """,
            after=after,
            most=most,
            season=season.id,
        )
        assert row is not None
        return row.last, list(row.players)

    def by_decisions(self, seconds: float, after: DecisionTime | None, most: int) -> list[DecisionTime]:
        """The next `most` players on whom somebody decided in the last `seconds`, the earliest first."""
        where = "(status_at, id) > (:at, :player)" if after else "status_at > now() - make_interval(secs => :seconds)"
        rows = self._db.rows(
            f"SELECT status_at, id FROM players WHERE {where} ORDER BY status_at, id LIMIT :most",
            most=most,
            **({"at": after.at, "player": after.player} if after else {"seconds": seconds}),
        )
        return [DecisionTime(row.status_at, row.id) for row in rows]
