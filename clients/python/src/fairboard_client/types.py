"""The shapes of the API's answers. A newer server may send further fields: they are kept, and never an error.

Times are RFC 3339 in UTC, ids are UUIDs, results and scores are integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict


class User(TypedDict):
    user_id: str
    username: str
    role: str
    status: str


class TokenPair(TypedDict):
    """A login: two tokens, the seconds that the access token lives, and `user`, as the server says with each pair."""

    access_token: str
    refresh_token: str
    expires_in: float
    token_type: NotRequired[str]
    user: User


class Profile(TypedDict):
    """The player's own account, with score and rank on the main board. `guest` is only there for guests."""

    user_id: str
    username: str
    role: str
    status: Literal["active", "suspended"]
    score: int | None
    rank: int | None
    guest: NotRequired[bool]


class GamePlayer(TypedDict):
    """A player of a game's own."""

    user_id: str
    external_id: str
    username: str
    status: Literal["active", "suspended"]
    attributes: dict[str, str]


class BeforeAndAfter(TypedDict):
    previous: int | None
    current: int | None


class StandingChange(TypedDict):
    """The change of one board; `counted` is false when an earlier result is better."""

    board: str
    season: int
    score: BeforeAndAfter
    rank: BeforeAndAfter
    counted: bool


class Completed(TypedDict):
    """A result that has been scored; `score` and `rank` are those of the first board, `points` of `fixed` types."""

    action_id: str
    points: int | None
    result: int
    score: BeforeAndAfter
    rank: BeforeAndAfter
    standings: list[StandingChange]


class Action(TypedDict):
    """An action that has begun."""

    action_id: str
    action_type: str
    token: str
    points: int | None
    expected_score: int | None
    issued_at: str
    expires_at: str


class Score(TypedDict):
    """A score of a batch. `key` is its Idempotency-Key; one without gets a key of the client's."""

    player: str
    action_type: str
    key: NotRequired[str]
    result: NotRequired[int]
    metadata: NotRequired[Mapping[str, Any]]


class ErrorBody(TypedDict):
    code: str
    message: str
    details: NotRequired[Any]


class BatchRow(TypedDict):
    """The answer to one score of a batch: `data` with `code` 200, or `error`. `code` is 0 if no answer came."""

    key: str
    code: int
    data: NotRequired[Completed]
    error: NotRequired[ErrorBody]


class Row(TypedDict):
    """A player on a board. `rank` and `achieved_at` are `None` before the first event that counts.

    `metadata` is there on `best` and `last` boards: that of the run that counts.
    """

    rank: int | None
    user_id: str
    username: str
    score: int | None
    achieved_at: str | None
    metadata: NotRequired[dict[str, Any] | None]


class PlacedRow(Row):
    """A row with the player's place among those of a lookup."""

    place: int


class Surroundings(TypedDict):
    rank: int | None
    above: list[Row]
    below: list[Row]


class BoardStanding(Row):
    """A standing with its board; `percentile` is `None` without a rank."""

    board: str
    season: int
    percentile: float | None
    total: int


class PublicPlayer(TypedDict):
    user_id: str
    username: str
    joined_at: str
    attributes: dict[str, str]
    standings: list[BoardStanding]


class Event(TypedDict):
    """An event that counts, with the score after it."""

    score: int | None
    result: int
    achieved_at: str
    action_type: str
    metadata: dict[str, Any] | None


class CurrentSeason(TypedDict):
    number: int
    starts_at: str
    ends_at: str | None


class Season(CurrentSeason):
    state: Literal["scheduled", "open", "closed"]
    players: int
    corrected_at: str | None


class Board(TypedDict):
    """A board, with its present season and the number of players that it ranks."""

    slug: str
    name: str
    scoring: Literal["sum", "best", "last", "count"]
    order: Literal["desc", "asc"]
    unit: str
    decimals: int
    schedule: str | None
    timezone: str
    starts_at: str | None
    ends_at: str | None
    segments: list[str]
    public: bool
    season: CurrentSeason | None
    players: int


class ActionType(TypedDict):
    slug: str
    name: str
    points: int | None
    min_seconds: float
    board: str
    boards: list[str]
    result_kind: Literal["fixed", "reported", "trusted"]
    min_result: int | None
    max_result: int | None
    result_is_duration: bool
