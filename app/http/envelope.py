"""The API's response envelope, and the request id."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from flask import Response

from app.domain.times import rfc3339
from app.http.present import present_environ, present_values

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import Headers

_REQUEST_ID = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,62}[\x21-\x7e])?")
NOSNIFF = ("X-Content-Type-Options", "nosniff")
# No cache stores a response unless its view allows it: most responses carry tokens or belong to one player.
_GUARDS = (NOSNIFF, ("Cache-Control", "no-store"))
# Made once: `json.dumps` with options makes an encoder for each call.
_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_write_ascii = json.JSONEncoder(separators=(",", ":")).encode


def known_or_new_id(client_id: str) -> str:
    """Return the client's request id if docs/api.md allows it, else a new id."""
    return client_id if _REQUEST_ID.fullmatch(client_id) else uuid4().hex


def request_id() -> str:
    """Return the request's X-Request-ID if it is printable and at most 64 characters, else a new id."""
    values = present_values()
    current_id: str | None = values.get("request_id")
    if current_id is None:
        current_id = values.request_id = known_or_new_id(present_environ().get("HTTP_X_REQUEST_ID", ""))
    return current_id


class _Complete(Response):
    """A response with its whole body and all headers: werkzeug need not complete them for the request."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        return self.headers


def text_response(text: str | bytes, status: int) -> Response:
    """Return a response with this JSON text as its whole body, and the headers that every response has."""
    headers = [*_GUARDS, ("X-Request-ID", request_id())]
    return _Complete(text, status, headers, content_type="application/json")


def answer(data: object, status: int = 200, links: dict[str, str] | None = None, total: int | None = None) -> Response:
    """Return a success response with `data` in the envelope."""
    return answer_text(_write(data), status, links, total)


def plain(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values as `answer` takes them: times and ids as docs/api.md writes them, nested ones too."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return plain(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def answer_text(
    data: str, status: int = 200, links: dict[str, str] | None = None, total: int | None = None
) -> Response:
    """Return a success response whose data is JSON text already."""
    return text_response(envelope(data, status, request_id(), links, total), status)


def envelope(
    data: str, status: int, current_id: str, links: dict[str, str] | None = None, total: int | None = None
) -> str:
    """Return the text of a success response. `total`: how many rows there are, of which data has some."""
    links_text = f',"links":{_write_ascii(links)}' if links else ""
    total_text = "" if total is None else f',"total":{total}'
    id_text = _write_ascii(current_id)
    return f'{{"meta":{{"code":{status},"request_id":{id_text}{total_text}}},"data":{data}{links_text}}}'


def empty(status: int) -> Response:
    """Return a response without a body: 204 or 304."""
    response = Response(status=status, headers=[*_GUARDS, ("X-Request-ID", request_id())])
    del response.headers["Content-Type"]
    return response


def add_headers(response: Response) -> Response:
    """Add the headers that every response has to a response without envelope, such as a page or a picture."""
    response.headers["X-Request-ID"] = request_id()
    response.headers[NOSNIFF[0]] = NOSNIFF[1]
    return response


def failure(status: int, code: str, message: str, details: object = None) -> Response:
    """Return a refusal in the envelope, and store its code for `failure_code`."""
    present_values().failure_code = code
    error: dict[str, object] = {"code": code, "message": message}
    if details is not None:
        error["details"] = details
    body = {"meta": {"code": status, "request_id": request_id()}, "error": error}
    text = _write(body)
    # The name of an unknown field may be half a surrogate pair, which has no UTF-8.
    return text_response(text.encode("utf-8", "replace"), status)


def failure_code() -> str | None:
    """Return the code that this request was refused with, or `None` if it was not refused."""
    code: str | None = present_values().get("failure_code")
    return code
