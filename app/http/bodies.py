"""The models of request bodies and query parameters; a refusal names every bad field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from app.domain.accounts import username_of
from app.domain.boards import MAIN, MAX_SCORE
from app.domain.cases import CaseOrder, CaseRule, CaseState, check_appeal
from app.domain.json_text import JsonValue, metadata_text
from app.domain.passwords import check_password
from app.domain.player_names import PlayerName, player_name
from app.domain.rollups import Granularity
from app.domain.times import moment
from app.errors import InvalidRequest
from app.http.json_body import MAX_BODY, has_body, json_body
from app.http.present import present_environ, present_request

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_KEY = 255
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL refuses NUL, and UTF-8 a half of a surrogate pair
_KEY = re.compile(rf"[\x20-\x7e]{{1,{MAX_KEY}}}")

_MESSAGES = {
    "bool_type": "must be true or false",
    "datetime_type": "must be a time such as 2026-11-23T10:00:00Z",
    "dict_type": "must be a JSON object",
    "float_type": "must be a number",
    "extra_forbidden": "is not a field of this request",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be an integer",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "missing": "is required",
    "too_long": "must have at most {max_length} items",
    "list_type": "must be a list",
    "string_too_long": "must have at most {max_length} characters",
    "string_type": "must be a string",
    "string_unicode": "has a field whose name is no Unicode text",
}
"""The messages of pydantic's types of errors, with the facts that pydantic gives."""
_NOT_STORABLE = "has characters that can't be stored, such as NUL"

Model = TypeVar("Model", bound=BaseModel)
Player = Annotated[
    PlayerName,
    BeforeValidator(lambda text: player_name(text if isinstance(text, str) else "")),
    WithJsonSchema({"type": "string", "description": "A player's id; for keys also `ext:` and the game's own id."}),
]
"""A field that names a player."""
Username = Annotated[
    str,
    AfterValidator(username_of),
    WithJsonSchema({"type": "string", "minLength": 3, "description": "3 to 32 visible characters."}),
]
_PASSWORD = WithJsonSchema(
    {"type": "string", "minLength": 8, "description": "8 to 256 characters, not a common password."}
)
NewPasswordText = Annotated[str, AfterValidator(check_password), _PASSWORD]


class Strict(BaseModel):
    """A model without conversions, that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Nothing(Strict):
    """The body `{}` of an act that has no choices."""


class NewAccount(Strict):
    """The body of `POST /auth/register`."""

    username: Username
    password: Annotated[str, _PASSWORD]

    @field_validator("password")
    @classmethod
    def _check_password(cls, password: str, fields: ValidationInfo) -> str:
        return check_password(password, fields.data.get("username", ""))


class Credentials(Strict):
    """The body of `POST /auth/login`: any strings; values that no account can have are simply wrong."""

    username: str
    password: Annotated[str, StringConstraints(max_length=4096)]


class NewPassword(Strict):
    """The body of `POST /auth/reset`."""

    token: str
    password: NewPasswordText


class SignOut(Strict):
    """The body of `POST /auth/logout`."""

    everywhere: bool = False


class NewAction(Strict):
    """The body of `POST /actions`."""

    action_type: str


class Reported(Strict):
    """The result and the metadata of a score."""

    result: Annotated[int | None, Field(ge=-MAX_SCORE, le=MAX_SCORE)] = None
    metadata: dict[str, object] | None = None

    @field_validator("result", mode="before")
    @classmethod
    def _check_result(cls, result: object) -> object:
        if result is None:
            raise ValueError("must be an integer")
        return result

    @field_validator("metadata", mode="before")
    @classmethod
    def _check_metadata(cls, metadata: object) -> object:
        return checked_metadata(metadata)


class ActionToken(Reported):
    """The body of `POST /actions/{id}/complete`."""

    token: str


def parse_integer(value: object) -> object:
    """Return plain digits as an integer and any other value unchanged: query values are text."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        return int(value)
    return value


def parse_moment(value: object) -> object:
    """Return a time in RFC 3339 as a datetime, and a value that is no text unchanged. Raises ValueError."""
    return moment(value) if isinstance(value, str) else value


def checked_metadata(metadata: object) -> object:
    """Return the metadata of a score. Raises ValueError."""
    metadata_text(metadata)
    return metadata


def _parse_flag(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _parse_case_id(value: object) -> object:
    try:
        return UUID(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("must be the id of a case") from None


class AnalyticsQuery(Strict):
    """The parameters of `GET /admin/analytics`."""

    board: str = MAIN
    by: Granularity = "hour"
    since: Annotated[datetime | None, BeforeValidator(parse_moment), Field(alias="from")] = None
    until: Annotated[datetime | None, BeforeValidator(parse_moment), Field(alias="to")] = None
    action_type: str | None = None


class AuditQuery(Strict):
    """The parameters of `GET /admin/audit`."""

    actor: str | None = None
    act: str | None = None
    subject: str | None = None
    since: Annotated[datetime | None, BeforeValidator(parse_moment)] = None
    before: Annotated[int | None, BeforeValidator(parse_integer), Field(ge=1, le=2**63 - 1)] = None
    limit: Annotated[int, BeforeValidator(parse_integer), Field(ge=1, le=100)] = 50


class CasesQuery(Strict):
    """The parameters of `GET /admin/cases`."""

    state: CaseState | None = None
    player: str | None = None
    rule: CaseRule | None = None
    appealed: Annotated[bool | None, BeforeValidator(_parse_flag)] = None
    since: Annotated[datetime | None, BeforeValidator(parse_moment)] = None
    order: CaseOrder = "newest"
    limit: Annotated[int, BeforeValidator(parse_integer), Field(ge=1, le=100)] = 50
    after: Annotated[UUID | None, BeforeValidator(_parse_case_id)] = None


class NewAppeal(Strict):
    """The body of `POST /me/appeal`."""

    text: Annotated[str, AfterValidator(check_appeal)]


def body(model: type[Model]) -> Model:
    """Return the JSON body as `model`. Raises a refusal in the API's order: size, media type, JSON, fields."""
    return validated(model, json_object())


def json_object(most: int = MAX_BODY) -> dict[str, JsonValue]:
    """Return the JSON body, an object of `most` bytes at most, for a route without a query. Raises as `body` does."""
    value = json_body(most)
    no_query()
    if not isinstance(value, dict):
        raise InvalidRequest.field("body", "must be a JSON object")
    return value


def optional_body(model: type[Model]) -> Model:
    """Return the JSON body as `model`, or the model's defaults where the request has none."""
    http = present_request()
    if http.content_length or (http.content_length is None and has_body(http.environ)):
        return body(model)
    no_query()
    return validated(model, {})


def query(model: type[Model]) -> Model:
    """Return the query parameters as `model`. Raises InvalidRequest, also for a parameter that occurs twice."""
    values: dict[str, str] = {}
    http = present_request()
    for name, texts in http.args.lists() if http.environ.get("QUERY_STRING") else ():
        if len(texts) > 1:
            raise InvalidRequest.field(name, "must be given once")
        values[name] = texts[0]
    return validated(model, values)


def no_query() -> None:
    """Raise InvalidRequest if the request has a query parameter, for a route that reads none."""
    if present_environ().get("QUERY_STRING"):
        query(Strict)


def idempotency_key() -> str | None:
    """Return the Idempotency-Key header, or `None` without one. Raises InvalidRequest."""
    key = present_environ().get("HTTP_IDEMPOTENCY_KEY")
    return None if key is None else checked_key(key, "Idempotency-Key")


def checked_key(key: str, field: str) -> str:
    """Return an idempotency key. Raises InvalidRequest."""
    if not _KEY.fullmatch(key):
        raise InvalidRequest.field(field, f"must be 1 to {MAX_KEY} printable ASCII characters")
    return key


def validated(model: type[Model], values: Mapping[str, object]) -> Model:
    """Return the values as `model`. Raises InvalidRequest, which names every bad field."""
    try:
        instance = model.model_validate(values)
    except ValidationError as error:
        raise InvalidRequest(details=[_detail(problem) for problem in error.errors()]) from None
    for name, value in instance:
        if isinstance(value, str) and _UNSTORABLE.search(value):
            raise InvalidRequest.field(name, _NOT_STORABLE)
    return instance


def _detail(problem: ErrorDetails) -> dict[str, str]:
    field = ".".join(str(part) for part in problem["loc"]) if problem["loc"] else "body"
    message = _MESSAGES.get(problem["type"])
    if problem["type"] == "string_unicode" and problem["loc"]:
        message = _NOT_STORABLE
    if message is None:
        return {"field": field, "message": str(problem["msg"]).removeprefix("Value error, ")}
    return {"field": field, "message": message.format_map(problem.get("ctx", {}))}
