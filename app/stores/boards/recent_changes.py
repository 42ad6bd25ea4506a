"""The standings that have changed recently, by events of the ledger or by decisions on players."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.domain.boards import Season
from app.stores.boards.counting import SEASONS_OF_EVENT
from app.stores.postgres.engine import Database

_RECENT_EVENTS = 5000  # events to check when the last checked event is unknown
# An event gets its number before its commit: an older number may appear after a newer one, delayed at most by the
# longest transaction that writes events.
_COMMIT_SECONDS = 30


class DecisionTime(NamedTuple):
    """The time of the last decision on a player."""

    at: datetime
    player: UUID


class RecentChangeStore:
    """Every change of a standing is an event of the ledger, or touches its player (`PlayerStore.touch`)."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def last_checked_event(self, checked: int) -> int:
        """Return the event after which unchecked events begin, if all up to `checked` were checked (0: unknown).

        If the ledger has not reached `checked`, the database was restored since: then recent events are unchecked.
        """
        row = self._db.row(
            """
            SELECT coalesce(max(id), 0) AS newest, CASE WHEN count(*) < :most THEN 0 ELSE min(id) - 1 END AS lately
            FROM (SELECT id FROM score_events ORDER BY id DESC LIMIT :most) events
            """,
            most=_RECENT_EVENTS,
        )
        assert row is not None
        return checked if 0 < checked <= row.newest else int(row.lately)

    def newest_event(self) -> int:
        """Return the newest event; 0 if there is none."""
        row = self._db.row("SELECT coalesce(max(id), 0) AS newest FROM score_events")
        assert row is not None
        return int(row.newest)

    def last_settled_event(self) -> int:
        """Return the newest event before which no other will appear; 0 if there is none."""
        row = self._db.row(
            """
            SELECT id FROM score_events
            WHERE coalesce(imported_at, created_at) < clock_timestamp() - make_interval(secs => :seconds)
            ORDER BY id DESC LIMIT 1
            """,
            seconds=_COMMIT_SECONDS,
        )
        return int(row.id) if row else 0

    def by_events(self, season: Season, after: int, limit: int) -> tuple[int | None, list[UUID]]:
        """Return the last of the next `limit` events, None if there are none, and their players on this open board."""
        row = self._db.row(
            f"""
            WITH events AS MATERIALIZED (
                SELECT id, player_id, action_type_id, created_at FROM score_events WHERE id > :after
                ORDER BY id LIMIT :most
            )
            SELECT (SELECT max(id) FROM events) AS last, ARRAY(
                SELECT DISTINCT e.player_id FROM events e {SEASONS_OF_EVENT} WHERE n.id = :season
            ) AS players
            """,
            after=after,
            most=limit,
            season=season.id,
        )
        assert row is not None
        return row.last, list(row.players)

    def by_decisions(self, seconds: float, after: DecisionTime | None, limit: int) -> list[DecisionTime]:
        """Return the next `limit` players with a decision in the last `seconds`, the earliest decision first."""
        condition = (
            "(status_at, id) > (:at, :player)" if after else "status_at > now() - make_interval(secs => :seconds)"
        )
        rows = self._db.rows(
            f"SELECT status_at, id FROM players WHERE {condition} ORDER BY status_at, id LIMIT :most",
            most=limit,
            **({"at": after.at, "player": after.player} if after else {"seconds": seconds}),
        )
        return [DecisionTime(row.status_at, row.id) for row in rows]
