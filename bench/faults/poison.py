"""Two tasks for the drill, known to a worker that is started with `-I bench.faults.poison`."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from bench.faults.faults import DIE, SLOW
from bench.faults.touch import BEGAN
from workers.app import app


@app.task(name=DIE)  # type: ignore[untyped-decorator]
def die(folder: str) -> None:
    """Kill the process that works on it, every time."""
    _note_begin(folder)
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name=SLOW)  # type: ignore[untyped-decorator]
def slow(folder: str, seconds: float) -> None:
    """Take `seconds`, and write the file `done` at the end."""
    _note_begin(folder)
    time.sleep(seconds)
    Path(folder, "done").touch()


def _note_begin(folder: str) -> None:
    """Write down which process begins a task; one that is begun again has another line."""
    with Path(folder, BEGAN).open("a") as file:
        file.write(f"{os.getpid()}\n")
