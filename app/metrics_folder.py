"""The counts of all processes of a machine, living or ended, from the files that they keep in METRICS_DIR."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from app.metrics_format import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    MERGED,
    DamagedFile,
    SampleKey,
    encode_file,
    parse_key,
    parse_name,
    values_of,
)

log = structlog.get_logger("fairboard.metrics")

_MOST_ENDED = 24  # files of ended processes, before they are merged into one of each kind
_LOCK_SECONDS = 1.0
_TYPES = {COUNTER: "counter", HISTOGRAM: "histogram", GAUGE: "gauge"}


@dataclass(frozen=True, slots=True)
class _Counts:
    """The content of one file. `ended`: no living process writes it."""

    path: Path
    kind: str
    ended: bool
    values: dict[str, float]


class MetricsFolder(Collector):
    """The sum over all files, correct even if processes are killed or the folder holds other files.

    A damaged file is skipped, left in its place, and logged once. Live gauges of ended processes are removed. Counters
    of ended processes are merged, so that a scrape stays cheap after a thousand restarts.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._reported: set[str] = set()

    def collect(self) -> Iterable[Metric]:
        """Yield every metric summed over all processes; live gauges over the living ones."""
        with self._lock(fcntl.LOCK_SH):
            files, damaged = self._read()
        yield from _sum_families(file for file in files if not (file.ended and file.kind == GAUGE))
        yield GaugeMetricFamily("fairboard_metrics_files_skipped", "Files of METRICS_DIR that can't be parsed", damaged)
        self._tidy(files)

    def _read(self) -> tuple[list[_Counts], int]:
        """Return every file that can be counted, and how many can't."""
        files, damaged = [], 0
        for path in sorted(self._path.glob("*.db")):
            try:
                kind, process = parse_name(path)
                files.append(_Counts(path, kind, not _is_alive(process), values_of(path, kind)))
            except (DamagedFile, OSError) as error:
                if os.path.lexists(path):  # otherwise it was just merged, or removed after its process ended
                    damaged += 1
                    self._report(path, error)
        return files, damaged

    def _tidy(self, files: list[_Counts]) -> None:
        for file in files:
            if file.ended and file.kind == GAUGE:
                _remove(file.path)
        if sum(file.ended and file.kind != GAUGE for file in files) > _MOST_ENDED:
            with self._lock(fcntl.LOCK_EX) as is_locked:
                if is_locked:
                    ended = [file for file in self._read()[0] if file.ended]
                    for kind in (COUNTER, HISTOGRAM):
                        self._merge(kind, [file for file in ended if file.kind == kind])

    def _merge(self, kind: str, ended: list[_Counts]) -> None:
        if len(ended) < 2:
            return
        sums: dict[str, float] = defaultdict(float)
        for file in ended:
            for key, value in file.values.items():
                sums[key] += value
        merged = self._merged_path(kind, ended)
        temporary = merged.with_suffix(".new")
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as merged_file:
                merged_file.write(encode_file(sums)[0])
            # If this process is killed after this line, these counts are doubled, which is better than lost.
            temporary.replace(merged)
        except OSError as error:  # such as a full disk; a later scrape merges them
            self._report(temporary, error)
            _remove(temporary)
            return
        for file in ended:
            if file.path != merged:
                _remove(file.path)

    def _merged_path(self, kind: str, ended: list[_Counts]) -> Path:
        """Return the first path that is free or is among the merged files: a damaged file stays."""
        merged_paths, number = {file.path for file in ended}, 1
        path = self._path / f"{kind}_{MERGED}.db"
        while os.path.lexists(path) and path not in merged_paths:
            number += 1
            path = self._path / f"{kind}_{MERGED}-{number}.db"
        return path

    def _report(self, path: Path, error: Exception) -> None:
        """Log that a file is skipped, once for all processes of the machine as long as it is the same file."""
        try:
            mark = f"{path.lstat().st_ino} {path.name!r}"
        except OSError:
            mark = repr(path.name)
        if mark not in self._reported:
            self._reported.add(mark)
            if self._is_news(mark):
                log.warning("metrics_file_skipped", file=str(path), reason=str(error))

    def _is_news(self, mark: str) -> bool:
        """Return whether no other process has reported it; True where that can't be known."""
        with contextlib.suppress(OSError), open(self._path / "reported", "a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if mark in file.read().splitlines():
                return False
            file.write(f"{mark}\n")
        return True

    @contextmanager
    def _lock(self, kind: int) -> Iterator[bool]:
        """Lock the folder against merges: no scrape sees a value in both files, or in neither.

        Yield False after a second, or where a lock can't be made: a scrape then goes on without it, a merge does not.
        """
        descriptor: int | None = None
        try:
            with contextlib.suppress(OSError):
                descriptor = os.open(self._path / "merge.lock", os.O_RDWR | os.O_CREAT, 0o600)
            yield descriptor is not None and _acquire(descriptor, kind)
        finally:
            if descriptor is not None:
                os.close(descriptor)


def _acquire(descriptor: int, kind: int) -> bool:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return True
        except OSError:
            if time.monotonic() > deadline:
                return False
        time.sleep(0.01)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _sum_families(files: Iterable[_Counts]) -> Iterator[Metric]:
    sums: dict[tuple[str, SampleKey], float] = defaultdict(float)
    for file in files:
        for text, value in file.values.items():
            sums[file.kind, parse_key(file.kind, text)] += value
    metrics: dict[tuple[str, str], Metric] = {}
    buckets: dict[tuple[str, tuple[tuple[str, str], ...]], dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for (kind, key), value in sums.items():
        metric = metrics.setdefault((kind, key.metric), Metric(key.metric, key.help, _TYPES[kind]))
        if kind == HISTOGRAM and key.sample.endswith("_bucket"):
            other_labels = tuple(label for label in key.labels if label[0] != "le")
            buckets[key.metric, other_labels][float(dict(key.labels)["le"])] += value
        else:
            metric.samples.append(key.with_value(value))
    for (name, labels), counts in buckets.items():
        metrics[HISTOGRAM, name].samples.extend(_accumulate(name, dict(labels), counts))
    return iter(metrics.values())


def _accumulate(name: str, labels: dict[str, str], counts: dict[float, float]) -> Iterator[Sample]:
    """Yield a histogram's buckets as Prometheus wants them, each including the smaller ones, and their count."""
    total = 0.0
    for limit, count in sorted(counts.items()):
        total += count
        text: str = floatToGoString(limit)  # type: ignore[no-untyped-call]
        yield Sample(f"{name}_bucket", {**labels, "le": text}, total)
    yield Sample(f"{name}_count", labels, total)


def _is_alive(process: str) -> bool:
    """Return whether this process still runs (Linux's /proc); a zombie doesn't."""
    pid, _, started = process.partition("-")
    try:
        fields = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()
        return fields[0] not in "ZX" and started in ("", fields[19])
    except (OSError, IndexError):
        return False
