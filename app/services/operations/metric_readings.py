"""What a scrape of /metrics reads from the servers, in bounded time whatever has stalled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from app.stores.postgres.engine import UNAVAILABLE

log = structlog.get_logger("fairboard.metrics")

_NO_LABELS: dict[str, str] = {}


class Reading(NamedTuple):
    """One value of a gauge, with what it means in one line."""

    name: str
    meaning: str
    value: float
    labels: dict[str, str] = _NO_LABELS


@dataclass(frozen=True, slots=True)
class Source:
    """Something to ask, and what is told when it fails or keeps silent: that it is down, say."""

    name: str
    ask: Callable[[], Iterable[Reading]]
    otherwise: tuple[Reading, ...] = ()


class MetricReadings:
    """Asks every source at once, and goes without those that don't answer in time.

    A source that hangs is not asked again until it has come back: at most one call waits.
    """

    def __init__(self, sources: Iterable[Source], *, seconds: float = 1.5) -> None:
        self._asked = [_Asked(source) for source in sources]
        self._seconds = seconds

    def now(self) -> list[Reading]:
        """Everything that answered within `seconds`."""
        deadline = time.monotonic() + self._seconds
        for asked in self._asked:
            asked.start()
        return [reading for asked in self._asked for reading in asked.answer(deadline)]


class _Asked:
    """One source, asked on a thread of its own: under gevent that is a greenlet."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._thread: threading.Thread | None = None
        self._found: tuple[Reading, ...] = source.otherwise

    def start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._ask, name=f"reading-{self._source.name}", daemon=True)
            self._thread.start()

    def answer(self, deadline: float) -> tuple[Reading, ...]:
        """What it told, if it does by then."""
        thread = self._thread
        if thread is not None:
            thread.join(max(0.0, deadline - time.monotonic()))
        return self._source.otherwise if thread is None or thread.is_alive() else self._found

    def _ask(self) -> None:
        self._found = self._source.otherwise
        try:
            self._found = tuple(self._source.ask())
        except UNAVAILABLE as error:
            log.debug("source_down", source=self._source.name, kind=type(error).__name__)
        except Exception:  # a page of metrics that lacks one is better than none
            log.exception("source_failed", source=self._source.name)
