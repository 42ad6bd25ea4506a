"""What the values of an action type must be. The database holds points and seconds to the same bounds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SLUG_LENGTH = 64
NAME_LENGTH = 80


def _whole(low: int, high: int) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return None if good else f"must be a whole number from {low} to {high}"

    return check


def _optional(check: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    return lambda value: None if value is None else check(value)


def _seconds(value: Any) -> str | None:
    good = isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 86_400
    return None if good else "must be a number of seconds from 0 to 86400"


def _slug(value: Any) -> str | None:
    if isinstance(value, str) and len(value) <= SLUG_LENGTH and _SLUG.fullmatch(value):
        return None
    return f"must be up to {SLUG_LENGTH} small letters and digits, with single dashes between them"


def _name(value: Any) -> str | None:
    good = isinstance(value, str) and value.strip() == value != "" and len(value) <= NAME_LENGTH and value.isprintable()
    return None if good else f"must be 1 to {NAME_LENGTH} printable characters, with no space at either end"


_CHECKS: dict[str, Callable[[Any], str | None]] = {
    "slug": _slug,
    "name": _name,
    "points": _whole(1, 1_000_000_000),
    "min_seconds": _seconds,
    "burst": _optional(_whole(1, 100_000)),
    "per_minute": _optional(_whole(1, 100_000)),
    "expected_median_seconds": _optional(_seconds),
    "expected_p95_seconds": _optional(_seconds),
}
EXPECTED = ("expected_median_seconds", "expected_p95_seconds")
"""How long it takes people: half of them at the most the first, 95 of 100 the second. Both are known, or none."""


def problems(values: Mapping[str, Any]) -> list[dict[str, str]]:
    """What is wrong with these values: `{"field", "message"}` each."""
    found = [(field, _CHECKS[field](value)) for field, value in values.items()]
    wrong = [{"field": field, "message": message} for field, message in found if message]
    median, p95 = (values.get(name) for name in EXPECTED)
    if not wrong and (median is None) != (p95 is None):
        wrong.append({"field": EXPECTED[median is not None], "message": "must be given with the other expected time"})
    if not wrong and median is not None and p95 is not None and median > p95:
        wrong.append({"field": EXPECTED[1], "message": "must not be below the expected median"})
    return wrong
