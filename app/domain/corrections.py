"""Voids of points and their restores: the selection of events, and the progress."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

_BEFORE_ALL_EVENTS = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Selection:
    """The redemptions of a player, of an action type, on a board, from `since` to before `until`; None: any."""

    player_id: UUID | None = None
    action_type_id: int | None = None
    board_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def nothing_of(player_id: UUID) -> Selection:
    """Return a selection of no event, for a change that voids none."""
    return Selection(player_id=player_id, until=_BEFORE_ALL_EVENTS)


@dataclass(frozen=True, slots=True)
class Correction:
    """Events that are voided (or restored) together.

    `state`: running; done; restored, for a void that was undone. `events`, `points` and `players` say how much was
    voided or restored so far. `restores_id` is the void that a restore undoes.
    """

    id: UUID
    kind: str
    state: str
    selection: Selection
    made_by: str
    reason: str
    made_at: datetime
    finished_at: datetime | None
    case_id: UUID | None
    restores_id: UUID | None
    events: int
    points: int
    players: int
