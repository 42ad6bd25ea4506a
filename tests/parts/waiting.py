"""A wait for a condition, instead of a sleep of a fixed length."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T | Literal[False] | None], *, within: float = 20.0, every: float = 0.05) -> T:
    """Return the first true result of `check`, which is called again and again for `within` seconds.

    An exception of `check` counts as "not yet"; the last result or exception is named when time is up.
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
