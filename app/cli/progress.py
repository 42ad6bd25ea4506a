"""Signs of life from a command that takes long."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from app.cli.output import print_message


class ProgressPrinter:
    """A printer of progress, every `every` seconds even if none is reported. It is called with the count so far."""

    def __init__(self, activity: str, unit: str, *, every: float = 2.0) -> None:
        self._activity, self._unit, self._every, self._count = activity, unit, every, 0
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __call__(self, count: int) -> None:
        self._count = count

    @property
    def so_far(self) -> int:
        """Return the count that was reported last."""
        return self._count

    def __enter__(self) -> ProgressPrinter:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finished.set()
        self._thread.join()

    def _run(self) -> None:
        started_at = time.monotonic()
        while not self._finished.wait(self._every):
            print_message(f"{self._activity}: {self._count:,} {self._unit} in {time.monotonic() - started_at:.0f} s")
