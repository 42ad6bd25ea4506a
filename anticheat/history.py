"""A player's recent completions. A redemption is judged only by these and by the suspicion so far."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

HISTORY_LENGTH = 50
"""The number of completions to keep per player and hand to `judge`: the longest pattern looks at 49 of them."""

_OVERTAKING = 10.0  # seconds: redemptions commit in nearly the order of their times


@dataclass(frozen=True, slots=True)
class Completion:
    """One try at completing an action, scored or rejected. Times are Unix seconds of one clock.

    `result` is the value that the player reported, None where the action type decides it.
    """

    action_type: str
    issued_at: float
    completed_at: float
    result: int | None = None


def was_clock_set_back(attempt: Completion, completions: Sequence[Completion]) -> bool:
    """Return whether the clock went back since the attempt's issue or an earlier completion: no time can be measured.

    One clock times all actions of a player, so nothing else puts their past into the future. `completions` are the
    player's others, the newest first.
    """
    newest = completions[0].completed_at if completions else attempt.issued_at
    return max(newest, attempt.issued_at) > attempt.completed_at


class StepDetector:
    """Finds the tries in a time that came twice, since the clock was set back: among them no time can be measured."""

    def __init__(self) -> None:
        self._newest, self._was_set_back = -math.inf, False

    def repeats(self, at: float) -> bool:
        """Return whether the next try, in the order of commits, is in a time that has been before."""
        if at >= self._newest:
            self._newest, self._was_set_back = at, False
        self._was_set_back = self._was_set_back or at < self._newest - _OVERTAKING
        return self._was_set_back
