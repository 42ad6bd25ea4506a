"""Boards, seasons and standings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypedDict
from uuid import UUID

from app.domain.times import rfc3339

Cadence = Literal["player", "client"]
MAIN = "main"
TOP = 10
MAX_SCORE = 2**53 - 1  # a sorted set stores integers below 2^53 exactly


@dataclass(frozen=True, slots=True)
class Season:
    """One period of a board. `tag` names it in Redis."""

    id: int
    board: str
    number: int

    @property
    def tag(self) -> str:
        return f"{self.board}/{self.number}"


class StandingRow(TypedDict):
    """A standing in the API's words."""

    rank: int | None
    user_id: str
    username: str
    score: int
    achieved_at: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A player's place on a board; `rank` and `achieved_at` are None until the first redeemed action."""

    rank: int | None
    user_id: UUID
    username: str
    score: int
    achieved_at: datetime | None

    def as_row(self) -> StandingRow:
        """Return the API's row."""
        return {
            "rank": self.rank,
            "user_id": str(self.user_id),
            "username": self.username,
            "score": self.score,
            "achieved_at": rfc3339(self.achieved_at) if self.achieved_at else None,
        }


@dataclass(frozen=True, slots=True)
class ActionType:
    """A kind of action that players can do, with its points and the shortest time that it takes.

    `min_is_fact`: no honest player can be faster; otherwise the minimum is a statistic. `cadence`: player or client.
    """

    id: int
    slug: str
    name: str
    points: int
    min_seconds: float
    board: str
    burst: int | None = None
    per_minute: int | None = None
    expected_median_seconds: float | None = None
    expected_p95_seconds: float | None = None
    steadiest_hand: float | None = None
    min_is_fact: bool = True
    cadence: Cadence = "player"
    parallel: int = 1
