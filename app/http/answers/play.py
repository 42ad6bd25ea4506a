"""The answers about actions and their redemption."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.domain.boards import ResultKind
from app.http.answers.base import Answered, sometimes


class ActionTypeRow(Answered):
    """An action that players can do; `points` is null unless its results are fixed."""

    slug: str
    name: str
    points: int | None
    min_seconds: float
    board: str
    boards: list[str]
    result_kind: ResultKind
    min_result: int | None
    max_result: int | None
    result_is_duration: bool


class IssuedAction(Answered):
    """An action that has begun. `token` completes it, once, until `expires_at`."""

    action_id: UUID
    action_type: str
    token: str
    points: int | None
    expected_score: int | None
    issued_at: datetime
    expires_at: datetime


class IntegerChange(Answered):
    """A score before and after; `previous` is null before the first result on a `best` or `last` board."""

    previous: int | None
    current: int | None


class OpenAction(Answered):
    """An action that has not been completed."""

    action_id: UUID
    action_type: str
    state: Literal["active", "expired", "invalid", "consumed"]
    points: int | None
    issued_at: datetime
    expires_at: datetime


class ConsumedAction(Answered):
    """An action that has been completed."""

    action_id: UUID
    action_type: str
    state: Literal["consumed"]
    points: int | None
    result: int
    issued_at: datetime
    completed_at: datetime
    score: IntegerChange


class StandingChange(Answered):
    """The change of one standing; `counted` is false when a `best` board kept an earlier result."""

    board: str
    season: int
    score: IntegerChange
    rank: IntegerChange
    counted: bool


class CompletedAction(Answered):
    """A redemption; `score` and `rank` are those of the first open board, `standings` those of all."""

    action_id: UUID
    points: int | None
    result: int
    score: IntegerChange
    rank: IntegerChange
    standings: list[StandingChange]


class EnteredScore(Answered):
    """A result that an operator entered; `action_id` is null in a dry run."""

    action_id: UUID | None
    user_id: UUID
    result: int
    standings: list[StandingChange]
    dry_run: bool


class BatchFailure(Answered):
    """The refusal of one score of a batch."""

    code: Annotated[str, Field(examples=["board_closed"])]
    message: str
    details: object = sometimes("Facts about the refusal.")


class AcceptedScore(Answered):
    """A score of a batch that has counted."""

    key: str
    code: Literal[200]
    data: CompletedAction


class RefusedScore(Answered):
    """A score of a batch that was refused. `key` is null where none was given."""

    key: str | None
    code: int
    error: BatchFailure
