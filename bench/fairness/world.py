"""The simulated game, and the form of its players: what a kind of player must provide to be judged.

A kind yields accounts with their plays; the rest of this package judges them as the product would, and knows nothing of
how they came about.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from anticheat.history import Completion
from anticheat.rules import ActionTypeLimits

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY
MIDNIGHT: Final = 1_799_971_200.0
"""The Unix time at which the simulated week begins: midnight in UTC. Plays lie within the week after it."""


@dataclass(frozen=True)
class GameAction:
    """An action type of the game, with the nature that its operator declares."""

    points: int
    limits: ActionTypeLimits


ACTIONS: dict[str, GameAction] = {
    "tap": GameAction(1, ActionTypeLimits(0.0)),
    "quick-match": GameAction(10, ActionTypeLimits(3.0)),
    "puzzle": GameAction(25, ActionTypeLimits(8.0)),
    "boss-fight": GameAction(100, ActionTypeLimits(20.0)),
    # Clients set the pace of these: the next song starts by itself, the answer is sent at the bell, a tracker reports.
    "song": GameAction(60, ActionTypeLimits(15.0, cadence="client")),
    "quiz-round": GameAction(20, ActionTypeLimits(10.0, cadence="client")),
    "steps": GameAction(5, ActionTypeLimits(60.0, cadence="client")),
}

# The kinds of the report play these too.
ALL_ACTIONS: dict[str, GameAction] = {
    **ACTIONS,
    "duel": GameAction(12, ActionTypeLimits(4.0)),
    # Several games at once, each waiting for its opponent.
    "turn": GameAction(8, ActionTypeLimits(1.0, parallel=10)),
    # Clients set the pace of these: the cabinet's clock, the teacher's button, the upload after a time without network.
    "arcade-round": GameAction(30, ActionTypeLimits(30.0, cadence="client")),
    "lesson-item": GameAction(15, ActionTypeLimits(5.0, cadence="client")),
    "field-note": GameAction(10, ActionTypeLimits(2.0, cadence="client", parallel=10)),
}


@dataclass(frozen=True)
class Account:
    """One account and its week: `plays` in the order of completion.

    `network` is the prefix of its addresses and `device` the hint of its client, as opaque names: equal names are equal
    prefixes or hints. `registered_at` is a Unix time, possibly long before the week.
    """

    plays: Sequence[Completion]
    network: str
    device: str
    registered_at: float


@dataclass(frozen=True)
class Kind:
    """A kind of player: honest or cheating, and its accounts.

    `accounts` draws a person or an operation, with all of their accounts: one for most, several for a farm or a family.
    `is_unusual`: an honest kind that is rare (the mainstream is all others). `is_naive`: a cheat without any disguise,
    which should leave the board within 20 actions. `share`: the part of the honest mainstream, for mainstream kinds.
    """

    name: str
    accounts: Callable[[random.Random], Sequence[Account]]
    is_honest: bool
    is_unusual: bool = False
    is_naive: bool = False
    share: float = 0.0
    notes: str = field(default="", compare=False)
