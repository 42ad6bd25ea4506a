"""The messages of a socket."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from app.domain.boards import MAIN, TOP
from app.http.answers.base import Answered
from app.http.answers.boards import StandingRow


class Subscribe(Answered):
    """Sign in and follow a board. `me`: send the player's own standing, too."""

    type: Literal["subscribe"]
    auth: Annotated[str, Field(description="`Bearer` and an access token, or the token alone.")]
    board: str = MAIN
    me: bool = False


class Watch(Answered):
    """Follow a public board without an account."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["watch"]
    board: str = MAIN


class Pong(Answered):
    """The answer to a ping."""

    type: Literal["pong"]
    timestamp: datetime


class Ping(Answered):
    """Answer it with a pong; two unanswered ones in a row end the socket."""

    type: Literal["ping"]
    timestamp: datetime


class BoardMeta(Answered):
    """The board of a message. `version` grows with every change; `online` is how many players have the board open."""

    code: Literal[200]
    board: str
    version: int
    online: int


class Initial(Answered):
    """The answer to a subscribe or a watch: the top of the board."""

    type: Literal["leaderboard.initial"]
    meta: BoardMeta
    data: Annotated[list[StandingRow], Field(max_length=TOP)]


class ScoreChange(Answered):
    """A change that an update is known to be caused by."""

    user_id: UUID
    username: str
    score: int
    previous_score: int | None
    rank: int | None
    previous_rank: int | None
    action_type: str


class Update(Answered):
    """The changed top of the board. Drop it if its version is not newer than that of the message before."""

    type: Literal["leaderboard.update"]
    meta: BoardMeta
    data: Annotated[list[StandingRow], Field(max_length=TOP)]
    changeInfo: list[ScoreChange]  # noqa: N815 - the contract's name


class StandingMeta(Answered):
    """The board of a standing."""

    code: Literal[200]
    board: str


class OwnStanding(Answered):
    """The player's own standing; `previous_rank` is the rank in the message before."""

    rank: int | None
    previous_rank: int | None
    score: int | None
    total: int


class StandingUpdate(Answered):
    """The subscriber's own standing, whenever it has changed, at most once a second."""

    type: Literal["standing.update"]
    meta: StandingMeta
    data: OwnStanding


class ErrorMeta(Answered):
    """The HTTP status of the same refusal."""

    code: Annotated[int, Field(examples=[401])]


class ErrorBody(Answered):
    """A refusal: `code` is stable, `message` is for people."""

    code: Annotated[str, Field(examples=["unauthorized"])]
    message: str


class ErrorMessage(Answered):
    """A refusal. All but those of unreadable messages (400) are followed by a close."""

    type: Literal["error"]
    meta: ErrorMeta
    error: ErrorBody


CLIENT_MESSAGES = {"subscribe": Subscribe, "watch": Watch, "pong": Pong}
SERVER_MESSAGES = {
    "leaderboard.initial": Initial,
    "leaderboard.update": Update,
    "standing.update": StandingUpdate,
    "ping": Ping,
    "error": ErrorMessage,
}
