"""Readings of the servers for a scrape of /metrics, in bounded time even while a server stalls."""

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
    """One value of a gauge, with its meaning in one line."""

    name: str
    meaning: str
    value: float
    labels: dict[str, str] = _NO_LABELS


@dataclass(frozen=True, slots=True)
class Source:
    """A function to ask for readings, and the readings if it fails or doesn't answer: for example, that it is down."""

    name: str
    read: Callable[[], Iterable[Reading]]
    fallback: tuple[Reading, ...] = ()


class MetricReadings:
    """Asks every source at once, and does not wait for those that don't answer in time.

    A source that hangs is not asked again until it returns: at most one call waits.
    """

    def __init__(self, sources: Iterable[Source], *, seconds: float = 1.5) -> None:
        self._readers = [_SourceReader(source) for source in sources]
        self._seconds = seconds

    def now(self) -> list[Reading]:
        """Return the readings of each source that answers within `seconds`, and the `fallback` of each that doesn't."""
        deadline = time.monotonic() + self._seconds
        for reader in self._readers:
            reader.start()
        return [reading for reader in self._readers for reading in reader.answer(deadline)]


class _SourceReader:
    """One source, read on a thread of its own, which is a greenlet under gevent."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._thread: threading.Thread | None = None
        self._readings: tuple[Reading, ...] = source.fallback

    def start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._read, name=f"reading-{self._source.name}", daemon=True)
            self._thread.start()

    def answer(self, deadline: float) -> tuple[Reading, ...]:
        """Return the source's readings, or the `fallback` if it does not answer before the deadline."""
        thread = self._thread
        if thread is not None:
            thread.join(max(0.0, deadline - time.monotonic()))
        return self._source.fallback if thread is None or thread.is_alive() else self._readings

    def _read(self) -> None:
        self._readings = self._source.fallback
        try:
            self._readings = tuple(self._source.read())
        except UNAVAILABLE as error:
            log.debug("source_down", source=self._source.name, kind=type(error).__name__)
        except Exception:  # metrics without one source are better than none
            log.exception("source_failed", source=self._source.name)
