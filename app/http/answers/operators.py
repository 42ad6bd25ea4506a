"""The answers for operators about players, boards, action types and keys."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from app.domain.api_keys import Scope
from app.domain.boards import Cadence, ResultKind
from app.http.answers.accounts import Role, Status
from app.http.answers.base import Answered, sometimes
from app.http.answers.moderation import ListedCase


class Account(Answered):
    """An account of a list."""

    user_id: UUID
    username: str
    role: Role
    status: Status
    created_at: datetime


class Suspension(Answered):
    """The act that has suspended a player; `case_id` is the case whose confirmation it was, if any."""

    at: datetime
    by: str
    case_id: UUID | None
    reason: str | None


class PlayerFile(Account):
    """An account with everything that an operator decides by; score, held points and rank are those on `main`."""

    external_id: str | None
    attributes: dict[str, str]
    score: int
    held: int
    rank: int | None
    suspension: Suspension | None
    suspicion: float
    cases: list[ListedCase]


class ChangedAccount(Account):
    """An account after a change of its name, role or attributes."""

    attributes: dict[str, str]
    changed: bool
    dry_run: bool


class ChangedStatus(Account):
    """An account after it was suspended or reinstated."""

    changed: bool
    dry_run: Literal[False]


class OperatorTypeRow(Answered):
    """An action type with every field; `retired_at` is null while it can be started."""

    slug: str
    name: str
    points: int | None
    min_seconds: float
    board: str
    boards: list[str]
    burst: int | None
    per_minute: int | None
    expected_median_seconds: float | None
    expected_p95_seconds: float | None
    steadiest_hand: float | None
    min_is_fact: bool
    cadence: Cadence
    parallel: int
    result_kind: ResultKind
    min_result: int | None
    max_result: int | None
    result_is_duration: bool
    max_per_second: float | None
    slack_seconds: float | None
    token_seconds: int | None
    retired_at: datetime | None


class Replay(Answered):
    """A change that waits until the ledger is replayed; `standings` is how many it has filled so far."""

    replay_id: UUID
    state: Literal["running", "switched", "done", "cancelled"]
    boards: list[str]
    made_by: str
    made_at: datetime
    standings: int


class Step(Answered):
    """A board or an action type that is added or changed; `before` and `after` have the fields that differ."""

    slug: str
    new: bool
    before: dict[str, object]
    after: dict[str, object]


class ReplayMove(Answered):
    """A player that a replay would move."""

    board: str
    season: int
    username: str
    player_id: UUID
    score_before: int | None
    score_after: int | None
    rank_before: int | None
    rank_after: int | None


class Plan(Answered):
    """What a change of boards and action types does; `replayed` are the boards that need a replay."""

    boards: list[Step]
    action_types: list[Step]
    replayed: list[str]
    moving: int = sometimes("Present if standings were compared: how many would change.")
    moves: list[ReplayMove] = sometimes("Present if standings were compared: the first of them.")
    dry_run: bool


class Archived(Answered):
    """A board that is archived now, or would be."""

    slug: str
    archived: bool
    dry_run: bool


class SeasonEnding(Answered):
    """The end of a season that was closed early."""

    board: str
    ends_at: datetime
    dry_run: bool


class Key(Answered):
    """An API key without its secret; `per_minute` is its own rate limit."""

    id: UUID
    name: str
    scopes: list[Scope]
    per_minute: int | None
    created_at: datetime
    created_by: str
    last_used_at: datetime | None
    previous_until: datetime | None
    revoked_at: datetime | None
    prefix: str


class ShownKey(Key):
    """An API key with its secret, which is shown this once."""

    key: str
