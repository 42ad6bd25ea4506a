"""Two tasks for the drill, known to a worker that is started with `-I bench.faults.poison`."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from bench.faults.faults import DIE, SLOW
from workers.app import app


@app.task(name=DIE)  # type: ignore[untyped-decorator]
def die() -> None:
    """Kill the process that works on it, every time."""
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name=SLOW)  # type: ignore[untyped-decorator]
def slow(folder: str, seconds: float) -> None:
    """Take `seconds`: write the pid to `began` at the start and to `done` at the end."""
    Path(folder, "began").write_text(str(os.getpid()))
    time.sleep(seconds)
    Path(folder, "done").write_text(str(os.getpid()))
