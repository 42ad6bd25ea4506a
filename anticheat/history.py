"""What a player did lately: the only thing a redemption is judged from, besides the suspicion so far."""

from collections.abc import Sequence
from dataclasses import dataclass

HISTORY_LENGTH = 50
"""How many of a player's completions to keep and hand to `judge`: the longest pattern looks at 49 of them."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One try at completing an action, scored or rejected. Times are Unix seconds of the server's clock."""

    action_type: str
    issued_at: float
    completed_at: float


def known_at(moment: float, history: Sequence[Completion], ahead: float) -> list[Completion]:
    """The completions up to `moment`, newest first, and those less than `ahead` seconds after it.

    Two redemptions in flight can overtake each other, so a little ahead is ordinary. An entry further ahead
    was written before the clock was set back; it says nothing about this redemption.
    """
    known = [past for past in history if past.completed_at <= moment + ahead]
    known.sort(key=lambda past: past.completed_at, reverse=True)
    return known
