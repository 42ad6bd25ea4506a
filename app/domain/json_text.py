"""Reading a JSON text that somebody sent: strictly UTF-8, no NaN, no field twice, no endless number."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

from app.errors import InvalidRequest, MalformedJson

_LONGEST_NUMBER = 400  # digits; Python refuses to read integers of more than 4,300


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


def _whole_number(digits: str) -> int | float:
    """An integer that no field can hold is infinite, as 1e999 is: the field says what is wrong with it."""
    return int(digits) if len(digits) <= _LONGEST_NUMBER else math.copysign(math.inf, -1 if digits[0] == "-" else 1)


def _refuse_constant(constant: str) -> None:
    """NaN and Infinity, which Python's reader lets through, are not JSON."""
    raise ValueError(constant)
