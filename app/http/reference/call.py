"""The description of a call: who may make it, its body and query, and its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from app import errors
from app.domain.api_keys import Scope
from app.http.failures import status_of

API = "/api/v1"
Security = Sequence[Mapping[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Failure:
    """A refusal: its status and its `error.code`."""

    status: int
    code: str


def failure_of(kind: type[errors.Refusal]) -> Failure:
    """Return the status and the code of a class of refusals."""
    return Failure(status_of(kind.__new__(kind)), kind.code)


@dataclass(frozen=True, slots=True)
class Audience:
    """The callers of a call, as `security` of OpenAPI, and the refusals of all others."""

    words: str
    security: Security
    refusals: Sequence[type[errors.Refusal]] = ()


ANYONE = Audience("Anyone.", [{}])
READER = Audience(
    "Anyone. Admins and keys with `read` see boards that are not public, too.",
    [{}, {"player": []}, {"key": ["read"]}],
)
PLAYER = Audience("A player.", [{"player": []}], (errors.Unauthorized, errors.AccountSuspended))
SUSPENDED_TOO = Audience("A player, suspended or not.", [{"player": []}], (errors.Unauthorized,))
REFRESH = Audience("The holder of a refresh token.", [{"refresh": []}], (errors.Unauthorized, errors.AccountSuspended))
OPERATOR = Audience("Operators: callers from the networks of `OPERATORS`.", [{}], (errors.Forbidden,))
_REFUSED = (errors.Unauthorized, errors.Forbidden, errors.AccountSuspended)


def game_server(scope: Scope) -> Audience:
    """Return the audience of a call for API keys with this scope."""
    return Audience(f"An API key with the scope `{scope}`.", [{"key": [scope]}], _REFUSED)


def operators(scope: Scope = "admin") -> Audience:
    """Return the audience of a call for admins, and for API keys with the scope `admin` or this one."""
    scopes = "`admin`" if scope == "admin" else f"`{scope}` or `admin`"
    return Audience(f"An admin, or an API key with the scope {scopes}.", [{"player": []}, {"key": [scope]}], _REFUSED)


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `answers` has the type of `data` by status; None: no body.

    `refusals` are those beside the ones that every call, its audience and its inputs bring. `may_omit_body`: the body
    may be left out. `is_repeatable`: the call takes an Idempotency-Key, and `needs_key` says that it must. `is_bare`:
    the answer has no envelope. `media_type` and `headers` are those of an answer that is no JSON, such as a page.
    """

    method: str
    rule: str
    summary: str
    tag: str
    audience: Audience
    answers: Mapping[int, object]
    refusals: Sequence[type[errors.Refusal] | Failure] = ()
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    description: str = ""
    links: Sequence[str] = ()
    may_omit_body: bool = False
    has_total: bool = False
    has_location: bool = False
    has_etag: bool = False
    is_repeatable: bool = False
    needs_key: bool = False
    is_bare: bool = False
    media_type: str = "application/json"
    headers: Sequence[str] = ()
    example: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_api(self) -> bool:
        """Return whether the call is one of the API, with its limits and its envelope."""
        return self.rule.startswith(API)
