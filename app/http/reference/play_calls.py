"""The calls by which players and a game's server score."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app import errors
from app.domain.submissions import MOST_SCORES
from app.http.answers import accounts, boards
from app.http.answers import play as answers
from app.http.bodies import ActionToken, NewAction, Nothing, Strict
from app.http.game_players import GamePlayerBody
from app.http.reference.call import ANYONE, API, PLAYER, Call, game_server
from app.http.scores import ScoreBody

_PLAY = "Play"
_SERVER = "Game server"


class KeyedScore(ScoreBody):
    """A score of a batch, with the idempotency key under which it counts once."""

    key: str = Field(min_length=1, max_length=255)


class ScoreBatch(Strict):
    """The body of `POST /scores/batch`."""

    scores: Annotated[
        list[KeyedScore | Any],
        Field(
            max_length=MOST_SCORES,
            description="Each is judged on its own: one of another form is a refusal in its row.",
        ),
    ]


CALLS = [
    Call(
        "GET",
        f"{API}/action-types",
        "List action types",
        _PLAY,
        ANYONE,
        {200: list[answers.ActionTypeRow]},
    ),
    Call(
        "POST",
        f"{API}/actions",
        "Start an action",
        _PLAY,
        PLAYER,
        {201: answers.IssuedAction},
        (errors.TooManyActions, errors.BoardClosed, errors.TrustedOnly),
        body=NewAction,
        links=("self", "complete"),
        has_location=True,
    ),
    Call(
        "GET",
        f"{API}/actions/<uuid:action_id>",
        "Read an action",
        _PLAY,
        PLAYER,
        {200: answers.OpenAction | answers.ConsumedAction},
    ),
    Call(
        "POST",
        f"{API}/actions/<uuid:action_id>/complete",
        "Complete an action",
        _PLAY,
        PLAYER,
        {200: answers.CompletedAction},
        (
            errors.InvalidToken,
            errors.InvalidSignature,
            errors.TokenAlreadyUsed,
            errors.SuspiciousActivity,
            errors.TrustedOnly,
            errors.TooSoon,
            errors.InProgress,
            errors.BoardClosed,
            errors.IdempotencyKeyReused,
        ),
        body=ActionToken,
        links=("leaderboard", "standing"),
        is_repeatable=True,
        description=(
            "Redeems the action's token, once. With an `Idempotency-Key` the same request can be sent again, and gets"
            " the first answer. After a 409 `too_soon` send it again when `Retry-After` is over. After any 422 the"
            " token is still usable."
        ),
    ),
    Call(
        "POST",
        f"{API}/players",
        "Create or change a player of your game",
        _SERVER,
        game_server("players"),
        {201: boards.GamePlayer, 200: boards.GamePlayer},
        (errors.UsernameTaken,),
        body=GamePlayerBody,
        links=("self", "by_external_id", "tokens"),
        has_location=True,
        example={"external_id": "4711", "username": "anna", "attributes": {"country": "JP"}},
    ),
    Call(
        "POST",
        f"{API}/players/<player:name>/tokens",
        "Sign a player of your game in",
        _SERVER,
        game_server("players"),
        {200: accounts.SignIn},
        body=Nothing,
        may_omit_body=True,
        description="A token pair for the game to hand to its client; never for an admin.",
        links=("me",),
    ),
    Call(
        "POST",
        f"{API}/scores",
        "Submit a score",
        _SERVER,
        game_server("score"),
        {200: answers.CompletedAction},
        (errors.NotFound, errors.BoardClosed, errors.IdempotencyKeyReused),
        body=ScoreBody,
        links=("leaderboard", "standing"),
        is_repeatable=True,
        needs_key=True,
    ),
    Call(
        "POST",
        f"{API}/scores/batch",
        "Submit many scores",
        _SERVER,
        game_server("score"),
        {200: list[answers.AcceptedScore | answers.RefusedScore]},
        body=ScoreBatch,
        description="At most 1 MiB. Each score has its own outcome, in the order of the request.",
    ),
]
