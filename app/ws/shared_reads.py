"""Reads of a board that subscribers share: whoever waits for the next read gets its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, cast
from weakref import WeakValueDictionary

import gevent.event
import gevent.lock

Value = TypeVar("Value")


class _Line(Generic[Value]):
    """The reads of one key: at most one is under way, and at most one waits for it."""

    __slots__ = ("__weakref__", "lock", "upcoming")

    def __init__(self) -> None:
        self.lock = gevent.lock.BoundedSemaphore()
        self.upcoming: gevent.event.AsyncResult[Value] | None = None


class SharedReads(Generic[Value]):
    """One read at a time for each key. Its callers have all come before it began, so none gets an older value.

    A thousand subscribers that come back together cause two or three reads. Each with a read of its own would find the
    cached list outdated by the next redemption, and all would build it.
    """

    def __init__(self, read: Callable[[str], Value]) -> None:
        """Take `read`, which may block and raise."""
        self._read = read
        self._lines: WeakValueDictionary[str, _Line[Value]] = WeakValueDictionary()

    def get(self, key: str) -> Value:
        """Return the value of a read that begins after this call. Raises the errors of `read`."""
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line()
        if line.upcoming is not None:
            return cast(Value, line.upcoming.get())
        upcoming = line.upcoming = gevent.event.AsyncResult()
        try:
            with line.lock:
                line.upcoming = None  # later callers need a later read
                value = self._read(key)
        except BaseException as error:
            if line.upcoming is upcoming:  # this greenlet was killed while it waited
                line.upcoming = None
            upcoming.set_exception(error)
            raise
        upcoming.set(value)
        return value
