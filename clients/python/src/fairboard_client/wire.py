"""Requests and answers as values: building the ones, reading the others. Nothing here sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from fairboard_client.errors import NETWORK, UNREADABLE, FairboardError

VERSION = "0.1.0"
PREFIX = "/api/v1"
_AGENT = f"fairboard-client-python/{VERSION}"

Query = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Draft:
    """A call before it is authorized. `path` is under /api/v1 and has its query; `key` is the Idempotency-Key."""

    method: str
    path: str
    body: bytes | None = field(default=None, repr=False)
    key: str | None = None
    is_anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `path` begins at the server's root."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it arrived. The names in `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came. `was_sent` is False if the request never reached the server."""

    reason: str
    was_sent: bool


Outcome = Reply | Lost


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no refusal: `data`, `meta` and `links` of the envelope; `data` is `None` for a 204.

    `is_replayed`: this repeats the first answer to the Idempotency-Key.
    """

    status: int
    data: Any
    meta: Mapping[str, Any]
    links: Mapping[str, str]
    is_replayed: bool


def draft(
    method: str,
    path: str,
    body: object = None,
    *,
    query: Query | None = None,
    key: str | None = None,
    is_anonymous: bool = False,
) -> Draft:
    """Return a call with `body` as JSON. Parameters that are `None` are left out of the query."""
    parameters = given(query or {})
    full_path = f"{path}?{urlencode(parameters)}" if parameters else path
    return Draft(method, full_path, None if body is None else compact(body), key, is_anonymous)


def compact(body: object) -> bytes:
    """Return a body as JSON. Raises `TypeError` or `ValueError` for a value that JSON does not have."""
    return json.dumps(body, separators=(",", ":"), allow_nan=False, default=_as_dict).encode()


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r} is no JSON value")


def given(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that are not `None`."""
    return {name: value for name, value in fields.items() if value is not None}


def authorized(call: Draft, token: str | None) -> Request:
    """Return the request of a call, with an access token or API key if there is one."""
    headers = {"Accept": "application/json", "User-Agent": _AGENT}
    if token is not None and not call.is_anonymous:
        headers["Authorization"] = f"Bearer {token}"
    if call.key is not None:
        headers["Idempotency-Key"] = call.key
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    return Request(call.method, PREFIX + call.path, headers, call.body)


def player_path(player: str) -> str:
    """Return the part of a path that names a player: an id, or `ext:` and the game's own id."""
    return quote(player, safe=":")


def read(outcome: Outcome) -> Answer:
    """Return the answer. Raises `FairboardError` for a refusal, and if no answer came or none of Fairboard's."""
    if isinstance(outcome, Lost):
        raise FairboardError(NETWORK, f"no answer came: {outcome.reason}", was_sent=outcome.was_sent)
    envelope = _envelope(outcome.body)
    if 200 <= outcome.status < 300:
        if "data" not in envelope and outcome.body:
            raise FairboardError(UNREADABLE, "the answer is none of Fairboard's", outcome.status)
        return Answer(
            outcome.status,
            envelope.get("data"),
            envelope.get("meta") or {},
            envelope.get("links") or {},
            outcome.headers.get("idempotency-replayed") == "true",
        )
    raise _refusal(outcome, envelope)


def _refusal(reply: Reply, envelope: Mapping[str, Any]) -> FairboardError:
    error = envelope.get("error")
    if not isinstance(error, dict) or "code" not in error:
        error = {"code": "unavailable" if reply.status in (502, 503, 504) else "http_error"}
    return FairboardError(
        str(error["code"]),
        str(error.get("message") or f"the server answered {reply.status}"),
        reply.status,
        error.get("details"),
        _seconds(reply.headers.get("retry-after")),
        reply.headers.get("x-request-id"),
    )


def _envelope(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _seconds(text: str | None) -> float | None:
    """Return the seconds of a Retry-After header; Fairboard never sends a date in it."""
    return float(text) if text is not None and text.isdecimal() else None
