"""The rules for the values of an action type. The database enforces the same bounds for points and seconds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias, get_args

from app.domain.boards import MAX_SCORE, Cadence, ResultKind

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SLUG_LENGTH = 64
NAME_LENGTH = 80

Check: TypeAlias = Callable[[object], str | None]
"""Returns the error of a value, or None."""


def _whole(low: int, high: int) -> Check:
    def check(value: object) -> str | None:
        is_valid = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return None if is_valid else f"must be a whole number from {low} to {high}"

    return check


def _optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _seconds(value: object) -> str | None:
    is_valid = isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 86_400
    return None if is_valid else "must be a number of seconds from 0 to 86400"


def check_slug(value: object) -> str | None:
    """Return the error of a slug, or None."""
    if isinstance(value, str) and len(value) <= SLUG_LENGTH and SLUG.fullmatch(value):
        return None
    return f"must be up to {SLUG_LENGTH} small letters and digits, with single dashes between them"


def check_name(value: object) -> str | None:
    """Return the error of a name that people see, or None."""
    is_valid = (
        isinstance(value, str) and value.strip() == value != "" and len(value) <= NAME_LENGTH and value.isprintable()
    )
    return None if is_valid else f"must be 1 to {NAME_LENGTH} printable characters, with no space at either end"


def _hand(value: object) -> str | None:
    is_valid = isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 60
    return None if is_valid else "must be a number of seconds from 0 to 60"


def _cadence(value: object) -> str | None:
    return None if value in get_args(Cadence) else f"must be one of {', '.join(get_args(Cadence))}"


def _result_kind(value: object) -> str | None:
    return None if value in get_args(ResultKind) else f"must be one of {', '.join(get_args(ResultKind))}"


def _rate(value: object) -> str | None:
    is_valid = isinstance(value, int | float) and math.isfinite(value) and 0 < value <= MAX_SCORE
    return None if is_valid else f"must be a number above 0, at most {MAX_SCORE}"


def _boolean(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


_CHECKS: dict[str, Check] = {
    "slug": check_slug,
    "name": check_name,
    "points": _whole(1, 1_000_000_000),
    "min_seconds": _seconds,
    "burst": _optional(_whole(1, 100_000)),
    "per_minute": _optional(_whole(1, 100_000)),
    "steadiest_hand": _optional(_hand),
    "min_is_fact": _boolean,
    "cadence": _cadence,
    "parallel": _whole(1, 1000),
    "expected_median_seconds": _optional(_seconds),
    "expected_p95_seconds": _optional(_seconds),
    "result_kind": _result_kind,
    "min_result": _optional(_whole(-MAX_SCORE, MAX_SCORE)),
    "max_result": _optional(_whole(-MAX_SCORE, MAX_SCORE)),
    "result_is_duration": _boolean,
    "max_per_second": _optional(_rate),
    "slack_seconds": _optional(_seconds),
    "token_seconds": _optional(_whole(10, 86_400)),
}
LIMITS = (
    "min_seconds",
    "burst",
    "per_minute",
    "steadiest_hand",
    "min_is_fact",
    "cadence",
    "parallel",
    "max_per_second",
    "slack_seconds",
)
"""The values that the rules of anti-cheat judge by."""
EARNINGS = ("points", "min_seconds", "expected_median_seconds")
"""The values that say how much a person can score in an hour."""
EXPECTED = ("expected_median_seconds", "expected_p95_seconds")
"""The times that people need: half of them at most the first, 95 of 100 at most the second. Both are set, or none."""
RESULTS = ("points", "result_kind", "min_result", "max_result", "result_is_duration", "max_per_second", "slack_seconds")
"""What decides the results of an action type."""
TOGETHER = (*EXPECTED, *RESULTS, "min_seconds", "token_seconds")
"""The fields that are checked with each other, so that a change of one needs the others."""


def problems(values: Mapping[str, object]) -> list[dict[str, str]]:
    """Return the errors of these values: `{"field", "message"}` each."""
    is_fixed = values.get("result_kind", "fixed") == "fixed"
    results = [(field, _CHECKS[field](value)) for field, value in values.items() if is_fixed or field != "points"]
    errors = [{"field": field, "message": message} for field, message in results if message]
    median, p95 = (values.get(name) for name in EXPECTED)
    if not errors and (median is None) != (p95 is None):
        errors.append({"field": EXPECTED[median is not None], "message": "must be given with the other expected time"})
    if not errors and isinstance(median, int | float) and isinstance(p95, int | float) and median > p95:
        errors.append({"field": EXPECTED[1], "message": "must not be below the expected median"})
    return errors or [{"field": field, "message": message} for field, message in _result_problems(values)]


def _result_problems(values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    low, high = values.get("min_result"), values.get("max_result")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        yield "max_result", "must not be below min_result"
    if values.get("result_kind", "fixed") == "fixed":
        for field in RESULTS[2:]:
            if values.get(field) not in (None, False):
                yield field, "is for types whose results are reported"
        return
    if values.get("points") is not None:
        yield "points", "is for types whose result_kind is fixed"
    is_duration = bool(values.get("result_is_duration"))
    if not is_duration and values.get("slack_seconds") is not None:
        yield "slack_seconds", "is for results that are durations (result_is_duration)"
    if is_duration and values.get("max_per_second") is not None:
        yield "max_per_second", "is for results that are no durations"


def lacks_minimum(values: Mapping[str, object]) -> bool:
    """Return whether people need time for an action type, but none is the least: nothing is ever too fast then."""
    return values["min_seconds"] == 0 and values["expected_median_seconds"] is not None
