"""What may come in: bodies and query parameters as models, every bad field named."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from flask import request
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from app.domain.accounts import username_of
from app.domain.boards import MAIN, TOP
from app.domain.cases import CaseState, Decision, check_appeal, check_reason
from app.domain.passwords import check_password
from app.domain.rollups import Granularity
from app.domain.times import moment
from app.errors import InvalidRequest
from app.http.json_body import json_body

MAX_KEY = 255
_KEY = re.compile(rf"[\x20-\x7e]{{1,{MAX_KEY}}}")

Model = TypeVar("Model", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewAccount(_Strict):
    """`POST /auth/register`"""

    username: Annotated[str, AfterValidator(username_of)]
    password: str

    @field_validator("password")
    @classmethod
    def _check_password(cls, password: str, fields: ValidationInfo) -> str:
        return check_password(password, fields.data.get("username", ""))


class Credentials(_Strict):
    """`POST /auth/login`: any strings; what no account can have is simply wrong."""

    username: str
    password: Annotated[str, StringConstraints(max_length=4096)]


class NewAction(_Strict):
    """`POST /actions`"""

    action_type: str


class ActionToken(_Strict):
    """`POST /actions/{id}/complete`"""

    token: str


def _whole(value: Any) -> Any:
    """Query values are text; only plain digits are a number."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value):
        return int(value)
    return value


def _moment(value: Any) -> Any:
    return moment(value) if isinstance(value, str) else value


def _flag(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _id(value: Any) -> Any:
    try:
        return UUID(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("must be the id of a case") from None


class TopQuery(_Strict):
    """`GET /leaderboard/top`"""

    limit: Annotated[int, BeforeValidator(_whole), Field(ge=1, le=100)] = TOP
    board: str = MAIN


class AroundQuery(_Strict):
    """`GET /leaderboard/me`"""

    around: Annotated[int, BeforeValidator(_whole), Field(ge=0, le=50)] = 5
    board: str = MAIN


class BoardQuery(_Strict):
    """`GET /leaderboard/users/{user_id}` and `GET /leaderboard/online`"""

    board: str = MAIN


class AnalyticsQuery(_Strict):
    """`GET /admin/analytics`"""

    board: str = MAIN
    by: Granularity = "hour"
    since: Annotated[datetime | None, BeforeValidator(_moment), Field(alias="from")] = None
    until: Annotated[datetime | None, BeforeValidator(_moment), Field(alias="to")] = None
    action_type: str | None = None


class AuditQuery(_Strict):
    """`GET /admin/audit`"""

    actor: str | None = None
    act: str | None = None
    subject: str | None = None
    since: Annotated[datetime | None, BeforeValidator(_moment)] = None
    before: Annotated[int | None, BeforeValidator(_whole), Field(ge=1, le=2**63 - 1)] = None
    limit: Annotated[int, BeforeValidator(_whole), Field(ge=1, le=100)] = 50


class CasesQuery(_Strict):
    """`GET /admin/cases`"""

    state: CaseState | None = None
    player: str | None = None
    rule: str | None = None
    appealed: Annotated[bool | None, BeforeValidator(_flag)] = None
    since: Annotated[datetime | None, BeforeValidator(_moment)] = None
    limit: Annotated[int, BeforeValidator(_whole), Field(ge=1, le=100)] = 50
    after: Annotated[UUID | None, BeforeValidator(_id)] = None


class NewDecision(_Strict):
    """`POST /admin/cases/{id}/decision`"""

    decision: Decision
    reason: Annotated[str, AfterValidator(check_reason)]


class Undoing(_Strict):
    """`POST /admin/cases/{id}/undo`"""

    reason: Annotated[str, AfterValidator(check_reason)]


class NewAppeal(_Strict):
    """`POST /me/appeal`"""

    text: Annotated[str, AfterValidator(check_appeal)]


def body(model: type[Model]) -> Model:
    """The JSON body as `model`, refused in the contract's order: size, media type, JSON, fields."""
    value = json_body()
    if not isinstance(value, dict):
        raise InvalidRequest.field("body", "must be a JSON object")
    return _checked(model, value)


def query(model: type[Model]) -> Model:
    """The query parameters as `model`; a parameter given twice is refused like an unknown one."""
    values: dict[str, Any] = {}
    for name, given in request.args.lists():
        if len(given) > 1:
            raise InvalidRequest.field(name, "must be given once")
        values[name] = given[0]
    return _checked(model, values)


def idempotency_key() -> str | None:
    """The Idempotency-Key header, checked."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidRequest.field("Idempotency-Key", f"must be 1 to {MAX_KEY} printable ASCII characters")
    return key


def _checked(model: type[Model], values: dict[str, Any]) -> Model:
    try:
        checked = model.model_validate(values)
    except ValidationError as error:
        raise InvalidRequest(details=[_detail(problem) for problem in error.errors()]) from None
    for name, value in checked:
        if isinstance(value, str) and not _storable(value):
            raise InvalidRequest.field(name, "has characters that no text may have")
    return checked


def _detail(problem: Any) -> dict[str, str]:
    field = ".".join(str(part) for part in problem["loc"]) or "body"
    if problem["type"] == "extra_forbidden":
        return {"field": field, "message": "is not a field of this request"}
    if problem["type"] == "missing":
        return {"field": field, "message": "is required"}
    return {"field": field, "message": str(problem["msg"]).removeprefix("Value error, ")}


def _storable(text: str) -> bool:
    """Neither NUL, which PostgreSQL refuses, nor half a surrogate pair, which UTF-8 does."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
