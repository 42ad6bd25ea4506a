"""A ledger written directly: events at chosen times, as the product would have written them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import sqlalchemy as sa

from app.containers.container import Container

DAY = timedelta(days=1)
EPOCH = datetime.fromisoformat("2026-01-05T00:00:00Z")
"""The time at which the only season of such a ledger began."""


@dataclass(frozen=True)
class Event:
    """A redemption; `seconds` is the time from issue to completion; `judged` is `at` unless it is given."""

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
        self.types: dict[str, int] = {row.slug: row.id for row in self._db.rows("SELECT id, slug FROM action_types")}

    def player(self) -> UUID:
        """Add a player, and return their id."""
        player = uuid4()
        self._container.players.add(player, f"p-{player}"[:32], str(player), "no password fits this", "player")
        return player

    def write(self, event: Event, connection: sa.Connection | None = None) -> int:
        """Write an event, in the caller's transaction where a connection is given. Return its id."""
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

    def write_stretches(self, stretches: Sequence[tuple[UUID, datetime, Sequence[float]]], slug: str = "tap") -> None:
        """Write consecutive completions for each player from a time on, each issued half an interval before."""
        plays = [
            (player, begin + timedelta(seconds=end), timedelta(seconds=seconds / 2))
            for player, begin, intervals in stretches
            for end, seconds in zip(itertools.accumulate(intervals), intervals, strict=True)
        ]
        values = {
            "season": self.season,
            "type": self.types[slug],
            "actions": [uuid4() for _ in plays],
            "players": [player for player, _, _ in plays],
            "issued": [at - half for _, at, half in plays],
            "at": [at for _, at, _ in plays],
        }
        with self._db.transaction() as connection:
            connection.execute(_WRITE_MANY, values)

    def refuse(self, player: UUID, action_type: str, at: datetime, reason: str = "timing") -> None:
        """Write a refused action."""
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

_WRITE_MANY = sa.text(
    """
    INSERT INTO score_events (action_id, player_id, season_id, action_type_id, points, previous_score,
                              score, issued_at, created_at, judged_at, request_id)
    SELECT action, player, :season, :type, 1, 0, 0, issued, at, at, 'by hand'
    FROM unnest(CAST(:actions AS uuid[]), CAST(:players AS uuid[]), CAST(:issued AS timestamptz[]),
                CAST(:at AS timestamptz[])) AS e (action, player, issued, at)
    """
)


def write_days(ledger: HandLedger, players: int, days: int, until: datetime) -> list[UUID]:
    """Return so many new players who played as people do, for a while on each of the days up to `until`."""
    rng = random.Random(1)
    new_players = [ledger.player() for _ in range(players)]
    stretches = [
        (
            player,
            until - (number + 1) * DAY + timedelta(seconds=rng.uniform(0, 20 * 3600)),
            [rng.lognormvariate(1.2, 0.7) for _ in range(max(31, int(rng.lognormvariate(3.9, 0.5))))],
        )
        for number in range(days)
        for player in new_players
    ]
    ledger.write_stretches(stretches)
    return new_players


def limit_taps(container: Container) -> None:
    """Let taps be judged by their rhythm and rate like other actions, by numbers that a busy machine reaches too."""
    container.database.rows("UPDATE action_types SET min_seconds = 0.02, burst = 12 WHERE slug = 'tap' RETURNING id")
