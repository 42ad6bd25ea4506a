"""A request's body as JSON, refused in the contract's order: size, media type, JSON, fields given twice."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

from flask import request
from werkzeug.exceptions import ClientDisconnected

from app.errors import BadRequest, InvalidRequest, MalformedJson, RequestTimeout, TooLarge, UnsupportedMediaType

MAX_BODY = 16 * 1024
_LONGEST_NUMBER = 400  # digits; Python refuses to read integers of more than 4,300


def json_body() -> Any:
    """Return the parsed body.

    Raises TooLarge, UnsupportedMediaType, MalformedJson, InvalidRequest for a field that an object has twice, and
    BadRequest or RequestTimeout for a body that did not arrive as announced.
    """
    raw = _raw_body()
    _check_media_type()
    return parse(raw)


def parse(raw: bytes) -> Any:
    """Return the value of a JSON text in UTF-8. Raises MalformedJson and InvalidRequest."""
    repeated: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            repeated.extend(name for name, count in counts.items() if count > 1 and name not in repeated)
        return value

    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=members, parse_int=_whole_number, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        raise MalformedJson() from None
    if repeated:
        raise InvalidRequest(details=[{"field": name, "message": "must be given once"} for name in repeated])
    return value


def _raw_body() -> bytes:
    length = request.content_length
    if length is not None and length > MAX_BODY:
        raise TooLarge()
    try:
        raw = request.stream.read(MAX_BODY + 1)
    except TimeoutError:
        raise RequestTimeout() from None
    except (OSError, ClientDisconnected):
        raise BadRequest("The body did not arrive as it was announced.") from None
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
        raise UnsupportedMediaType("JSON is UTF-8: send it in no other charset.")
    if request.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")


def _whole_number(digits: str) -> int | float:
    """An integer that no field can hold is infinite, as 1e999 is: the field says what is wrong with it."""
    return int(digits) if len(digits) <= _LONGEST_NUMBER else math.copysign(math.inf, -1 if digits[0] == "-" else 1)


def _refuse_constant(constant: str) -> None:
    """NaN and Infinity, which Python's reader lets through, are not JSON."""
    raise ValueError(constant)
