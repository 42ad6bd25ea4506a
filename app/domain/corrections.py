"""Voids of points and their restores: the selection of events, and the progress."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Selection:
    """The redemptions of a player, of an action type, on a board, from `since` to before `until`; None: any."""

    player_id: UUID | None = None
    action_type_id: int | None = None
    board_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


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
