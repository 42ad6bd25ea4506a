"""A player's recent completions. A redemption is judged only by these and by the suspicion so far."""

from collections.abc import Sequence
from dataclasses import dataclass

HISTORY_LENGTH = 50
"""The number of completions to keep per player and hand to `judge`: the longest pattern looks at 49 of them."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One try at completing an action, scored or rejected. Times are Unix seconds of the server's clock."""

    action_type: str
    issued_at: float
    completed_at: float


def known_at(moment: float, history: Sequence[Completion], ahead: float) -> list[Completion]:
    """Return the completions up to `moment` and those less than `ahead` seconds after it, newest first.

    Two redemptions in flight can overtake each other, so a little ahead is ordinary. An entry further ahead was written
    before the clock was set back; it says nothing about this redemption.
    """
    completions = [completion for completion in history if completion.completed_at <= moment + ahead]
    completions.sort(key=lambda completion: completion.completed_at, reverse=True)
    return completions
