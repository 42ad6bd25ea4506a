"""The result of a simulated account's week, by each way in which the product looks at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WAYS: Final = ("rules", "model", "links", "gain")
BOTH: Final = ("rules", "model")


@dataclass(frozen=True)
class Result:
    """One account's week. Times are seconds since its first play.

    `cases`: the first case by each way that opened one. `levels`: the highest of each way, 1 being enough for a case.
    `learned`: the model's level, by the population it learned from. `day_points`: what scored on each day of play.
    `unnoticed`: the most points of a day before the first case. `board_points`: what reached the board before it.
    """

    kind: str
    is_honest: bool
    is_unusual: bool
    is_naive: bool
    plays: int
    cases: Mapping[str, float]
    levels: Mapping[str, float]
    learned: Mapping[str, float]
    suspensions: int
    holds: Sequence[float]
    refused: int
    off_board_after: int | None
    day_points: Sequence[float]
    unnoticed: float
    board_points: float

    def case_by(self, ways: Sequence[str]) -> float | None:
        """Return the time of the first case by any of these ways."""
        return min((self.cases[way] for way in ways if way in self.cases), default=None)

    def level_by(self, ways: Sequence[str]) -> float:
        """Return the highest level of these ways."""
        return max((self.levels.get(way, 0.0) for way in ways), default=0.0)
