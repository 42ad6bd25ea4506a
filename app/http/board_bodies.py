"""The models of bodies that create and change boards and action types."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.domain.board_plans import Fields
from app.domain.boards import Cadence, ResultKind
from app.domain.scoring import Order, Scoring
from app.http.admin_bodies import DryRun, Moment
from app.http.bodies import Strict

Names = Annotated[list[str], Field(default_factory=list)]


class BoardFields(Strict):
    """The fields of a board; only those that are given count."""

    name: str = ""
    scoring: Scoring = "sum"
    order: Order = "desc"
    unit: str = ""
    decimals: int = 0
    schedule: str | None = None
    timezone: str = ""
    starts_at: Moment = None
    ends_at: Moment = None
    segments: Names
    public: bool = True


class TypeFields(Strict):
    """The fields of an action type; only those that are given count."""

    name: str = ""
    points: int | None = None
    min_seconds: float = 0.0
    min_is_fact: bool = True
    expected_median_seconds: float | None = None
    expected_p95_seconds: float | None = None
    boards: Names
    burst: int | None = None
    per_minute: int | None = None
    cadence: Cadence = "player"
    steadiest_hand: float | None = None
    parallel: int = 1
    result_kind: ResultKind = "fixed"
    min_result: int | None = None
    max_result: int | None = None
    result_is_duration: bool = False
    max_per_second: float | None = None
    slack_seconds: float | None = None
    token_seconds: int | None = None


class PlanChoices(DryRun):
    """Whether to show the plan only, and whether to replay the ledger where past scores change."""

    rebuild: bool = False


class NewBoard(BoardFields, PlanChoices):
    """The body of `POST /admin/boards`."""

    slug: str
    action_types: Names


class BoardChange(BoardFields, PlanChoices):
    """The body of `PATCH /admin/boards/{slug}`."""

    add_types: Names
    remove_types: Names


class NewType(TypeFields, PlanChoices):
    """The body of `POST /admin/action-types`."""

    slug: str


class TypeChange(TypeFields, PlanChoices):
    """The body of `PATCH /admin/action-types/{slug}`."""


class GivenPlan(PlanChoices):
    """The body of `POST /admin/boards/apply`: boards and action types by slug."""

    boards: Annotated[dict[str, BoardFields], Field(default_factory=dict)]
    action_types: Annotated[dict[str, TypeFields], Field(default_factory=dict)]


class Archiving(Strict):
    """The body of `POST /admin/boards/{slug}/archive`."""

    dry_run: bool = False


class SeasonEnd(Archiving):
    """The body of `POST /admin/boards/{slug}/close-season`."""

    season: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None


def given(fields: BoardFields | TypeFields) -> Fields:
    """Return the fields of the board or the action type that the body has."""
    model = BoardFields if isinstance(fields, BoardFields) else TypeFields
    values = fields.model_dump(exclude_unset=True)
    return {name: value for name, value in values.items() if name in model.model_fields}
