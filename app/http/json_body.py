"""The JSON body of a request, refused in the API's order: size, media type, JSON, duplicate fields.

A route that reads no body discards one, which has the same limits of size and time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.exceptions import ClientDisconnected

from app.domain.json_text import JsonValue, parse
from app.errors import BadRequest, RequestTimeout, TooLarge, UnsupportedMediaType
from app.http.present import present_environ, present_request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MAX_BODY = 16 * 1024
_JSON = "application/json"
_BODILESS_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def json_body(most: int = MAX_BODY) -> JsonValue:
    """Return the parsed body, of `most` bytes at most.

    Raises TooLarge, UnsupportedMediaType, MalformedJson, InvalidRequest for a field that an object has twice, and
    BadRequest or RequestTimeout for a body that did not arrive as announced.
    """
    raw = _raw_body(most)
    _check_media_type()
    return parse(raw)


def has_body(environ: WSGIEnvironment) -> bool:
    """Return whether the request announces a body."""
    return "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ


def discard_body() -> None:
    """Read a body that the route has no use for. Raises TooLarge, BadRequest and RequestTimeout as `json_body` does."""
    if has_body(present_environ()):
        _raw_body()


def discard_body_of_read() -> None:
    """Discard the body of a request whose method gives it no meaning."""
    if present_environ()["REQUEST_METHOD"] in _BODILESS_METHODS:
        discard_body()


def _raw_body(most: int = MAX_BODY) -> bytes:
    http = present_request()
    length = http.content_length
    if length is not None and length > most:
        raise _too_large(most)
    try:
        raw = http.stream.read(most + 1)
    except TimeoutError:
        raise RequestTimeout() from None
    except (OSError, ClientDisconnected):
        raise BadRequest("The body did not arrive as its headers announced it.") from None
    if len(raw) > most:
        raise _too_large(most)
    if length is not None and len(raw) < length:
        raise BadRequest("The body is shorter than its Content-Length.")
    return raw


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The body is over {most // 1024} KiB.")


def _check_media_type() -> None:
    http = present_request()
    if http.environ.get("CONTENT_TYPE") != _JSON:  # the common form needs no parser
        if http.mimetype != _JSON:
            raise UnsupportedMediaType()
        charset = http.mimetype_params.get("charset", "utf-8").lower()
        if charset not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMediaType("Send JSON in UTF-8, not in another charset.")
    if http.environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")
