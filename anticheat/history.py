"""A player's recent completions. A redemption is judged only by these and by the suspicion so far."""

from collections.abc import Sequence
from dataclasses import dataclass

HISTORY_LENGTH = 50
"""The number of completions to keep per player and hand to `judge`: the longest pattern looks at 49 of them."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One try at completing an action, scored or rejected. Times are Unix seconds of one clock."""

    action_type: str
    issued_at: float
    completed_at: float


def was_clock_set_back(attempt: Completion, completions: Sequence[Completion]) -> bool:
    """Return whether the clock went back since the attempt's issue or an earlier completion: no time can be measured.

    One clock times all actions of a player, so nothing else puts their past into the future. `completions` are the
    player's others, the newest first.
    """
    newest = completions[0].completed_at if completions else attempt.issued_at
    return max(newest, attempt.issued_at) > attempt.completed_at
