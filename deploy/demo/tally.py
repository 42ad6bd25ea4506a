"""The count of all events of a demo so far."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """One event of one player; `word` says its kind, `code` is that of a refusal.

    A run has `milliseconds` instead of `points`, and then `score` is the player's best.
    """

    player: str
    kind: str
    word: str
    detail: str = ""
    code: str = ""
    points: int | None = None
    milliseconds: int | None = None
    score: int | None = None
    rank: int | None = None
    previous_rank: int | None = None


class EventTally:
    """A counter of events that passes each to `show`, one at a time for any number of threads."""

    def __init__(self, show: Callable[[Event], None]) -> None:
        self._show = show
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._codes: Counter[str] = Counter()
        self._surprises: list[str] = []

    def add(self, event: Event) -> None:
        with self._lock:
            self._counts[event.kind, event.word] += 1
            if event.word == "refused":
                self._codes[event.code] += 1
            self._show(event)

    def surprise(self, text: str) -> None:
        """Record an event that must not happen."""
        with self._lock:
            self._surprises.append(text)

    @property
    def surprises(self) -> list[str]:
        with self._lock:
            return list(self._surprises)

    def count(self, word: str, kind: str | None = None) -> int:
        """Count the events `word` of one kind of player, or of all."""
        with self._lock:
            return sum(
                n
                for (event_kind, event_word), n in self._counts.items()
                if event_word == word and kind in (None, event_kind)
            )

    def refusals(self) -> dict[str, int]:
        """Return the refused redemptions by their code, the most frequent first."""
        with self._lock:
            return dict(self._codes.most_common())
