"""What all processes of a machine have counted, living or not, from the files they keep in METRICS_DIR."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

_MOST_LEFT = 24  # files of ended processes, before they become one of each kind
_KINDS = ("counter", "histogram")  # what ended processes have counted counts for ever
_MERGED = "merged"


class MetricsFolder(Collector):
    """The client library's collector, right also when processes die without a word.

    It takes away the live gauges of processes that are gone, which the library leaves to a parent that may be gone
    too, and merges the counters of ended processes, so that a scrape stays cheap after a thousand restarts.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def collect(self) -> Iterable[Metric]:
        """One sum over all processes; livesum gauges over the living ones."""
        self._tidy()
        with self._lock(fcntl.LOCK_SH):
            files = [str(file) for file in self._path.glob("*.db")]
            found: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
            return found

    def _tidy(self) -> None:
        """For one process at a time; who comes second need not wait for it."""
        for file in self._path.glob("gauge_live*.db"):
            if not _lives(file):
                file.unlink(missing_ok=True)
        if len([file for kind in _KINDS for file in self._left(kind)]) <= _MOST_LEFT:
            return
        with self._lock(fcntl.LOCK_EX):
            for kind in _KINDS:
                self._merge(kind, self._left(kind))

    def _left(self, kind: str) -> list[Path]:
        return [file for file in self._path.glob(f"{kind}_*.db") if _process(file) != _MERGED and not _lives(file)]

    def _merge(self, kind: str, left: list[Path]) -> None:
        merged = self._path / f"{kind}_{_MERGED}.db"
        files = [str(file) for file in [*left, merged] if file.exists()]
        new = self._path / f"{kind}_{_MERGED}.new"
        new.unlink(missing_ok=True)
        values = MmapedDict(str(new))  # type: ignore[no-untyped-call]
        for metric in MultiProcessCollector.merge(files, accumulate=False):  # type: ignore[no-untyped-call]
            for sample in metric.samples:
                names, labels = list(sample.labels), list(sample.labels.values())
                key = mmap_key(metric.name, sample.name, names, labels, metric.documentation)
                values.write_value(key, sample.value, 0.0)  # type: ignore[no-untyped-call]
        values.close()  # type: ignore[no-untyped-call]
        # Killed in between, it has counted twice what these processes did: rather than lose it.
        new.replace(merged)
        for file in left:
            file.unlink(missing_ok=True)

    @contextmanager
    def _lock(self, kind: int) -> Iterator[None]:
        """Whoever merges is alone: nobody sees a value in both places, or in neither."""
        descriptor = os.open(self._path / "merge.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, kind)
            yield
        finally:
            os.close(descriptor)


def _process(file: Path) -> str:
    return file.stem.rpartition("_")[2]


def _lives(file: Path) -> bool:
    """Whether the process that keeps this file still runs (Linux's /proc); one that only waits to be reaped doesn't."""
    pid = _process(file)
    try:
        state = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return pid.isdigit() and state not in "ZX"
