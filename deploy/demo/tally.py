"""What happened so far, counted as it is told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """One thing that happened to one player; `word` is what, `code` the refusal's."""

    player: str
    kind: str
    word: str
    detail: str = ""
    code: str = ""
    points: int | None = None
    score: int | None = None
    rank: int | None = None
    previous_rank: int | None = None


class Tally:
    """Counts events and hands each on to `show`, one at a time whatever thread it comes from."""

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
        """Something that must not happen."""
        with self._lock:
            self._surprises.append(text)

    @property
    def surprises(self) -> list[str]:
        with self._lock:
            return list(self._surprises)

    def count(self, word: str, kind: str | None = None) -> int:
        """How often `word` happened, to one kind of player or to all."""
        with self._lock:
            return sum(n for (whose, what), n in self._counts.items() if what == word and kind in (None, whose))

    def refusals(self) -> dict[str, int]:
        """Refused redemptions by their code, the most frequent first."""
        with self._lock:
            return dict(self._codes.most_common())
