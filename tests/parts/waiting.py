"""Waiting for a condition instead of sleeping for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T | Literal[False] | None], *, within: float = 20.0, every: float = 0.05) -> T:
    """The first true answer of `check`, asked again and again for `within` seconds.

    What `check` raises counts as "not yet"; the last answer or error is named when time is up.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            last: object = (answer := check())
            if answer:
                return answer
        except Exception as error:  # noqa: BLE001 - a part that is coming back may refuse in any way
            last = repr(error)
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s; last: {last!r}")
        time.sleep(every)
