"""The terminal's output: one line for each event, colours where they help."""

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
    """A printer of lines for `out`; `colour` for a terminal that shows colours."""

    def __init__(self, out: Callable[[str], None], *, colour: bool) -> None:
        self._out, self._colour = out, colour

    def show(self, event: Event) -> None:
        """Print the time, the player, their kind, the event, and the resulting score and rank."""
        word = self._style(f"{event.word:<9}", _STYLES.get(event.word, "0"))
        standing = _standing(event)
        detail = f"{event.detail:<22}" if standing else event.detail
        name = plain(event.player)
        self._out(f"{self._time()}  {name:<15} {event.kind:<9}  {word}  {detail}{standing}".rstrip())

    def print_line(self, line: str) -> None:
        """Print a line that belongs to no player."""
        self._out(self._style(line, "1"))

    def divide(self, line: str) -> None:
        """Print a line that is easy to find again."""
        self._out(self._style(f"--- {time.strftime('%H:%M:%S')}  {line}", "1;36"))

    def _time(self) -> str:
        return self._style(time.strftime("%H:%M:%S"), "2")

    def _style(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour else text


def _standing(event: Event) -> str:
    has_moved = event.rank is not None and event.previous_rank is not None and event.rank != event.previous_rank
    rank = f"rank {event.rank}" + (f" (was {event.previous_rank})" if has_moved else "")
    if event.points is not None:
        return f"{event.points:>+5}  score {event.score:>7,}  {rank}"
    if event.milliseconds is not None and event.score is not None:
        return f"{event.milliseconds / 1000:.3f} s  best {event.score / 1000:.3f} s  {rank}"
    return f"  score {event.score:,}  no rank" if event.score is not None else ""


def plain(text: str) -> str:
    """Return a name that a user chose, without characters that could steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def top(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the best rows as one line."""
    return ", ".join(f"{row['rank']} {plain(row['username'])} {row['score']:,}" for row in rows) or "no players yet"


def counted(counts: Mapping[str, int]) -> str:
    """Return counts such as ` (3 token_already_used, 1 invalid_signature)`."""
    return f" ({', '.join(f'{count} {code}' for code, count in counts.items())})" if counts else ""
