"""The score events that count, and their sum. `app.stores.boards.counting` has the same rules in SQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ScoreEvent:
    """An event of the ledger: ids rise in the order of events, `held_under` is the case that held the player then."""

    id: int
    kind: Literal["redeem", "void", "restore"]
    action_id: UUID
    points: int
    created_at: datetime
    held_under: UUID | None = None


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


def fold_events(events: Iterable[ScoreEvent], player_case: UUID | None) -> Fold:
    """Return the fold of a player's events in a season, while `player_case` holds the player (`None`: no case).

    An event is held if it was scored under the case that holds its player now.
    """
    counting = counting_events(events)
    held = [event for event in counting if event.held_under is not None and event.held_under == player_case]
    public = [event for event in counting if event not in held]
    return Fold(
        score=sum(event.points for event in public),
        held=sum(event.points for event in held),
        achieved_at=public[-1].created_at if public else None,
    )
