"""Reads in chunks that become smaller while a statement on them takes longer than statements may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy.exc import OperationalError

from app.services.operations.retries import Retries
from app.stores.unavailability import took_too_long

log = structlog.get_logger("fairboard.chunks")

_SUCCESSES = 10  # reads in one size before a larger one is tried again

T = TypeVar("T")
K = TypeVar("K")


class Chunks:
    """Reads up to `most` rows at a time. After a chunk that took too long the next is half as large, down to one row.

    After some successes the size doubles again, up to `most`: each vain try costs the time of a statement.
    """

    def __init__(self, most: int) -> None:
        self._most = self._size = most
        self._successes = 0

    def read(self, read: Callable[[int], T], retries: Retries) -> T:
        """Return the result of `read`, which gets the number of rows that it may read.

        Raises the OperationalError of one row alone that takes too long, and the errors that `retries` raise.
        """
        while True:
            size = self._size
            try:
                result = retries(partial(read, size), gives_up=took_too_long)
            except OperationalError as error:
                if size == 1 or not took_too_long(error):
                    raise
                self._size, self._successes = size // 2, 0
                log.warning("chunk_halved", rows=self._size)
            else:
                self._successes += 1
                if self._successes % _SUCCESSES == 0:
                    self._size = min(2 * size, self._most)
                return result


def read_in_parts(read: Callable[[Sequence[K]], list[T]], keys: Sequence[K], retries: Retries) -> list[T]:
    """Return the results of `read` for all keys: of both halves of them where all at once take too long.

    Raises the OperationalError of one key alone that takes too long, and the errors that `retries` raise.
    """
    try:
        return retries(partial(read, keys), gives_up=took_too_long)
    except OperationalError as error:
        if len(keys) == 1 or not took_too_long(error):
            raise
    half = len(keys) // 2
    return read_in_parts(read, keys[:half], retries) + read_in_parts(read, keys[half:], retries)
