"""The score events that count, and their sum. `app.stores.boards.counting` has the same rules in SQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ScoreEvent:
    """An event of the ledger: ids rise in the order of events, `held_under` is the hold on the player then."""

    id: int
    kind: Literal["redeem", "void", "restore"]
    action_id: UUID
    points: int
    created_at: datetime
    held_under: UUID | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold on a player's points. `until`: it may end by itself from then on; None: a person ends it.

    It holds what is scored under it and, where it reaches back, what was scored from `since` to before `begun`.
    """

    id: UUID
    until: datetime | None = None
    since: datetime | None = None
    begun: datetime | None = None

    def holds(self, redemption: ScoreEvent) -> bool:
        """Return whether the redemption is held."""
        if self.since is not None and self.begun is not None and self.since <= redemption.created_at < self.begun:
            return True
        return redemption.held_under == self.id


@dataclass(frozen=True, slots=True)
class Fold:
    """What a player's events in a season add up to: `score` is public, only the player sees the `held` points.

    `achieved_at` is the time of the newest public event that counts, None without one.
    """

    score: int
    held: int
    achieved_at: datetime | None


def counting_events(events: Iterable[ScoreEvent]) -> list[ScoreEvent]:
    """Return the redemptions that count, the oldest first: those whose action's newest event is not a void."""
    redemptions: dict[UUID, ScoreEvent] = {}
    voided_actions: dict[UUID, bool] = {}
    for event in sorted(events, key=lambda event: event.id):
        if event.kind == "redeem":
            redemptions[event.action_id] = event
        voided_actions[event.action_id] = event.kind == "void"
    return [event for event in redemptions.values() if not voided_actions[event.action_id]]


def fold_events(events: Iterable[ScoreEvent], hold: Hold | None) -> Fold:
    """Return the fold of a player's events in a season, with this hold on the player."""
    counting = counting_events(events)
    held = [event for event in counting if hold is not None and hold.holds(event)]
    public = [event for event in counting if event not in held]
    return Fold(
        score=sum(event.points for event in public),
        held=sum(event.points for event in held),
        achieved_at=public[-1].created_at if public else None,
    )
