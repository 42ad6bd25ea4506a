"""The contract's envelope, and the id that runs through a request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from flask import Response, g, request

from app.domain.times import rfc3339

_REQUEST_ID = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,62}[\x21-\x7e])?")
NOSNIFF = ("X-Content-Type-Options", "nosniff")
# Nobody keeps an answer, unless its view says how: most of them carry tokens, or belong to one player.
_GUARDS = (NOSNIFF, ("Cache-Control", "no-store"))


def known_or_new_id(given: str) -> str:
    """The id as it was given if the contract allows it, else one of ours."""
    return given if _REQUEST_ID.fullmatch(given) else uuid4().hex


def request_id() -> str:
    """The X-Request-ID that came in if it is printable and at most 64 characters, else one of ours."""
    known: str | None = g.get("request_id")
    if known is None:
        known = known_or_new_id(request.headers.get("X-Request-ID", ""))
        g.request_id = known
    return known


def _response(text: str | bytes, status: int) -> Response:
    return Response(text, status, headers=[*_GUARDS, ("X-Request-ID", request_id())], mimetype="application/json")


def answer(data: Any, status: int = 200, links: dict[str, str] | None = None) -> Response:
    """A good answer."""
    return answer_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")), status, links)


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As `answer` takes it: times and ids as the contract writes them, in what is inside too."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return plain(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def answer_text(data: str, status: int = 200, links: dict[str, str] | None = None) -> Response:
    """A good answer whose data is JSON text already."""
    return _response(envelope(data, status, request_id(), links), status)


def envelope(data: str, status: int, own_id: str, links: dict[str, str] | None = None) -> str:
    """The text of a good answer."""
    tail = f',"links":{json.dumps(links, separators=(",", ":"))}' if links else ""
    return f'{{"meta":{{"code":{status},"request_id":{json.dumps(own_id)}}},"data":{data}{tail}}}'


def empty(status: int) -> Response:
    """An answer without a body: 204 or 304."""
    response = Response(status=status, headers=[*_GUARDS, ("X-Request-ID", request_id())])
    del response.headers["Content-Type"]
    return response


def outside(response: Response) -> Response:
    """Give an answer that is no envelope, such as a page or a picture, the headers that every answer has."""
    response.headers["X-Request-ID"] = request_id()
    response.headers[NOSNIFF[0]] = NOSNIFF[1]
    return response


def failure(status: int, code: str, message: str, details: Any = None) -> Response:
    """A refusal."""
    g.failure_code = code
    error: dict[str, Any] = {"code": code, "message": message}
    if details is not None:
        error["details"] = details
    body = {"meta": {"code": status, "request_id": request_id()}, "error": error}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    # The name of an unknown field may be half a surrogate pair, which has no UTF-8.
    return _response(text.encode("utf-8", "replace"), status)


def failure_code() -> str | None:
    """The code that this request was refused with; None when it was not."""
    code: str | None = g.get("failure_code")
    return code
