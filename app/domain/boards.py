"""Boards, seasons and standings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NotRequired, TypedDict
from uuid import UUID

from app.domain.scoring import ONE_RUN, Order, Scoring
from app.domain.times import rfc3339

Cadence = Literal["player", "client"]
ResultKind = Literal["fixed", "reported", "trusted"]
MAIN = "main"
TOP = 10
MOST_BOARDS = 8
"""The boards that one action type may feed."""

MAX_SCORE = 2**53 - 1  # a sorted set stores integers below 2^53 exactly


@dataclass(frozen=True, slots=True)
class Season:
    """One period of a board. `tag` names it in Redis.

    Scores are stored so that the higher is the better, in the database and in Redis: negated where `order` is `asc`.
    """

    id: int
    board: str
    number: int
    scoring: Scoring = "sum"
    order: Order = "desc"

    @property
    def tag(self) -> str:
        return f"{self.board}/{self.number}"

    @property
    def empty_score(self) -> int | None:
        """Return the score of a player without any event that counts."""
        return None if self.scoring in ONE_RUN else 0

    def stored(self, score: int) -> int:
        """Return the stored form of a score, or the score of a stored form."""
        return -score if self.order == "asc" else score


SeasonState = Literal["scheduled", "open", "closed"]


@dataclass(frozen=True, slots=True)
class SeasonFacts:
    """A season with its times. `players` is how many are ranked, None where that was not counted.

    `corrected_at`: its standings were changed then, after its end.
    """

    season: Season
    state: SeasonState
    starts_at: datetime
    ends_at: datetime | None
    players: int | None
    corrected_at: datetime | None

    @property
    def number(self) -> int:
        return self.season.number


@dataclass(frozen=True, slots=True)
class BoardView:
    """A board in one of its seasons, as readers need it. `segments`: the attributes by which it can be filtered.

    `seconds_left` is the time until the season ends, or begins if it has not, by the database's clock; None: for ever.
    """

    season: Season
    segments: Sequence[str]
    is_public: bool
    is_open: bool
    seconds_left: float | None


class StandingRow(TypedDict):
    """A standing in the API's words."""

    rank: int | None
    user_id: str
    username: str
    score: int | None
    achieved_at: str | None
    metadata: NotRequired[Mapping[str, object] | None]


@dataclass(frozen=True, slots=True)
class Standing:
    """A player's place on a board; `rank` and `achieved_at` are None until the first redeemed action.

    `score` is then 0. `is_one_run`: the board's scoring is `best` or `last`; then a row has the metadata of the run,
    and no score before the first one.
    """

    rank: int | None
    user_id: UUID
    username: str
    score: int
    achieved_at: datetime | None
    is_one_run: bool = False
    metadata: Mapping[str, object] | None = None

    @property
    def shown_score(self) -> int | None:
        """Return the score in the API's words: None before the first run on a board where one run is the score."""
        return None if self.is_one_run and self.achieved_at is None else self.score

    def as_row(self) -> StandingRow:
        """Return the API's row."""
        row: StandingRow = {
            "rank": self.rank,
            "user_id": str(self.user_id),
            "username": self.username,
            "score": self.shown_score,
            "achieved_at": rfc3339(self.achieved_at) if self.achieved_at else None,
        }
        if self.is_one_run:
            row["metadata"] = self.metadata
        return row


@dataclass(frozen=True, slots=True)
class ActionType:
    """A kind of action that players can do, with its points and the shortest time that it takes.

    `min_is_fact`: no honest player can be faster; otherwise the minimum is a statistic. `cadence`: player or client.
    `points` is None unless `result_kind` is fixed; `token_seconds` None is the setting's number.
    """

    id: int
    slug: str
    name: str
    points: int | None
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
    more_boards: Sequence[str] = ()
    result_kind: ResultKind = "fixed"
    min_result: int | None = None
    max_result: int | None = None
    result_is_duration: bool = False
    max_per_second: float | None = None
    slack_seconds: float | None = None
    token_seconds: int | None = None

    @property
    def boards(self) -> list[str]:
        """Return the boards that it feeds, the first one first."""
        return [self.board, *self.more_boards]
