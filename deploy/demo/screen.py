"""What the terminal shows: one line for each event, colours where they help."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from deploy.demo.tally import Event

_STYLES = {
    "scored": "32",
    "flagged": "33",
    "noted": "33;2",
    "refused": "31",
    "suspended": "1;97;41",
    "cut off": "31",
    "repeated": "36",
    "expired": "35",
    "waiting": "35",
    "joined": "2",
    "left": "2",
}


class Screen:
    """Lines for `out`; `colour` when it is a terminal that shows them."""

    def __init__(self, out: Callable[[str], None], *, colour: bool) -> None:
        self._out, self._colour = out, colour

    def show(self, event: Event) -> None:
        """Time, player, kind, what happened, and where it leaves them."""
        word = self._styled(f"{event.word:<9}", _STYLES.get(event.word, "0"))
        place = _place(event)
        detail = f"{event.detail:<22}" if place else event.detail
        name = plain(event.player)
        self._out(f"{self._time()}  {name:<15} {event.kind:<9}  {word}  {detail}{place}".rstrip())

    def say(self, line: str) -> None:
        """A line that is nobody's."""
        self._out(self._styled(line, "1"))

    def divide(self, line: str) -> None:
        """A line to find again."""
        self._out(self._styled(f"--- {time.strftime('%H:%M:%S')}  {line}", "1;36"))

    def _time(self) -> str:
        return self._styled(time.strftime("%H:%M:%S"), "2")

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour else text


def _place(event: Event) -> str:
    if event.points is not None:
        moved = event.rank is not None and event.previous_rank is not None and event.rank != event.previous_rank
        was = f" (was {event.previous_rank})" if moved else ""
        return f"{event.points:>+5}  score {event.score:>7,}  rank {event.rank}{was}"
    return f"  score {event.score:,}  no rank" if event.score is not None else ""


def plain(text: str) -> str:
    """A name that somebody chose, with nothing in it that could steer a terminal."""
    return "".join(part if part.isprintable() else "?" for part in text)


def top(rows: Iterable[Mapping[str, Any]]) -> str:
    """The best, in one line."""
    return ", ".join(f"{row['rank']} {plain(row['username'])} {row['score']:,}" for row in rows) or "nobody yet"


def counted(counts: Mapping[str, int]) -> str:
    """Such as ` (3 token_already_used, 1 invalid_signature)`."""
    return f" ({', '.join(f'{count} {what}' for what, count in counts.items())})" if counts else ""
