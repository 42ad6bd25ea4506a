"""Tasks that no product has, for workers that tests start: they wait, they fail, they kill the process they run in."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.parts.odd_names import BUG, POISON, WAIT
from workers.app import app


def _note(path: str, word: str) -> None:
    with Path(path).open("a") as file:
        file.write(word + "\n")


@app.task(name=WAIT)  # type: ignore[untyped-decorator]
def wait(notes: str, name: str, until: str) -> None:
    """Wait until the file `until` exists; note the begin and the end in the file `notes`."""
    _note(notes, f"{name} began")
    while not Path(until).exists():
        time.sleep(0.05)
    _note(notes, f"{name} ended")


@app.task(name=POISON)  # type: ignore[untyped-decorator]
def poison(notes: str) -> None:
    """Kill the process that runs this task."""
    _note(notes, "poison began")
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name=BUG)  # type: ignore[untyped-decorator]
def bug(request_ids: list[str]) -> None:
    """Raise `LookupError`."""
    raise LookupError("there is no such thing")
