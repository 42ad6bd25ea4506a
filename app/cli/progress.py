"""Signs of life from a command that takes long."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from app.cli.output import tell


class ProgressPrinter:
    """Says every `every` seconds how far it is, also while nothing is reported. Called with the number done so far."""

    def __init__(self, doing: str, what: str, *, every: float = 2.0) -> None:
        self._doing, self._what, self._every, self._done = doing, what, every, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __call__(self, done: int) -> None:
        self._done = done

    @property
    def so_far(self) -> int:
        """The last number that it was called with."""
        return self._done

    def __enter__(self) -> ProgressPrinter:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._over.wait(self._every):
            tell(f"{self._doing}: {self._done:,} {self._what} in {time.monotonic() - began:.0f} s")
