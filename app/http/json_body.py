"""The JSON body of a request, refused in the API's order: size, media type, JSON, duplicate fields."""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import ClientDisconnected

from app.domain.json_text import JsonValue, parse
from app.errors import BadRequest, RequestTimeout, TooLarge, UnsupportedMediaType

MAX_BODY = 16 * 1024


def json_body() -> JsonValue:
    """Return the parsed body.

    Raises TooLarge, UnsupportedMediaType, MalformedJson, InvalidRequest for a field that an object has twice, and
    BadRequest or RequestTimeout for a body that did not arrive as announced.
    """
    raw = _raw_body()
    _check_media_type()
    return parse(raw)


def _raw_body() -> bytes:
    length = request.content_length
    if length is not None and length > MAX_BODY:
        raise TooLarge()
    try:
        raw = request.stream.read(MAX_BODY + 1)
    except TimeoutError:
        raise RequestTimeout() from None
    except (OSError, ClientDisconnected):
        raise BadRequest("The body did not arrive as its headers announced it.") from None
    if len(raw) > MAX_BODY:
        raise TooLarge()
    if length is not None and len(raw) < length:
        raise BadRequest("The body is shorter than its Content-Length.")
    return raw


def _check_media_type() -> None:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType()
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("Send JSON in UTF-8, not in another charset.")
    if request.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")
