"""Signs of life from a command that takes long."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from app.cli.output import print_message
from app.domain.quantities import quantity


class ProgressPrinter:
    """A printer of progress, every `every` seconds even if none is reported. It is called with the count so far.

    `units` are the things that are counted, a plural in s, of which there are `total` if that is known; without them
    the time alone is printed.
    """

    def __init__(self, activity: str, units: str = "", *, total: int | None = None, every: float = 2.0) -> None:
        self._activity, self._units, self._total, self._every, self._count = activity, units, total, every, 0
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
            print_message(f"{self._activity}: {self._describe_count()}{time.monotonic() - started_at:.0f} s")

    def _describe_count(self) -> str:
        if not self._units:
            return ""
        noun = self._units.removesuffix("s")
        if self._total is None:
            return f"{quantity(self._count, noun)} in "
        return f"{self._count:,} of {quantity(self._total, noun)} in "
