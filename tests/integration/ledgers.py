"""A ledger written by hand: events at chosen times, as the product would have written them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import sqlalchemy as sa

from app.container import Container

EPOCH = datetime.fromisoformat("2026-01-05T00:00:00Z")
"""When the first season of a ledger by hand began."""


@dataclass(frozen=True)
class Event:
    """A redemption; `seconds` from issue to completion; `judged`: if not then."""

    player: UUID
    action_type: str
    at: datetime
    points: int = 1
    seconds: float = 1.0
    judged: datetime | None = None


class HandLedger:
    """The ledger of a container; its one season began at EPOCH."""

    def __init__(self, container: Container) -> None:
        self._db = container.database
        self._container = container
        self._db.rows("UPDATE seasons SET starts_at = :at RETURNING id", at=EPOCH)
        self._db.rows("UPDATE action_types SET limits_since = :at RETURNING id", at=EPOCH)
        self.season: int = self._db.rows("SELECT id FROM seasons")[0].id
        self.types: Mapping[str, int] = {row.slug: row.id for row in self._db.rows("SELECT id, slug FROM action_types")}

    def player(self) -> UUID:
        """A new player."""
        player = uuid4()
        self._container.players.add(player, f"p-{player}"[:32], str(player), "no password fits this", "player")
        return player

    def write(self, event: Event, connection: sa.Connection | None = None) -> int:
        """Its id; in the caller's transaction where a connection is given."""
        values = {
            "action": uuid4(),
            "player": event.player,
            "season": self.season,
            "type": self.types[event.action_type],
            "points": event.points,
            "issued": event.at - timedelta(seconds=event.seconds),
            "at": event.at,
            "judged": event.judged or event.at,
        }
        if connection is not None:
            return int(connection.execute(_WRITE, values).scalar_one())
        with self._db.transaction() as own:
            return int(own.execute(_WRITE, values).scalar_one())

    def refuse(self, player: UUID, action_type: str, at: datetime, reason: str = "timing") -> None:
        """A refused action."""
        self._db.rows(
            """
            INSERT INTO refusals (action_id, player_id, season_id, action_type_id, reason, judged_at, created_at)
            VALUES (:action, :player, :season, :type, :reason, :at, :at) RETURNING action_id
            """,
            action=uuid4(),
            player=player,
            season=self.season,
            type=self.types[action_type],
            reason=reason,
            at=at,
        )


_WRITE = sa.text(
    """
    INSERT INTO score_events (action_id, player_id, season_id, action_type_id, points, previous_score,
                              score, issued_at, created_at, judged_at, request_id)
    VALUES (:action, :player, :season, :type, :points, 0, 0, :issued, :at, :judged, 'by hand')
    RETURNING id
    """
)
