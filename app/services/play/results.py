"""The results that players report: which ones an action may have."""

from __future__ import annotations

from app.domain.action_token import Promise
from app.domain.boards import MAX_SCORE
from app.errors import TrustedOnly


class BadResult(Exception):
    """The reported result is none that the action may have; the message says why."""


def check_result(result: int | None, promise: Promise) -> None:
    """Raise BadResult, or TrustedOnly for an action that no player completes."""
    if promise.result_kind == "trusted":
        raise TrustedOnly()
    if promise.result_kind == "fixed":
        if result is not None:
            raise BadResult("is not reported for this action type, whose points are fixed")
        return
    if result is None:
        raise BadResult("is required for this action type")
    check_bounds(result, promise.min_result, promise.max_result)


def check_bounds(result: int, min_result: int | None, max_result: int | None) -> None:
    """Raise BadResult for a result outside of the bounds; None: the lowest or the highest result that there is."""
    low = -MAX_SCORE if min_result is None else min_result
    high = MAX_SCORE if max_result is None else max_result
    if not low <= result <= high:
        raise BadResult(f"must be from {low} to {high}")
