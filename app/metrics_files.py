"""Where a process keeps what it counts: in its memory, and in files of METRICS_DIR that outlive it.

The client library maps its files into memory. Where the disk is full, or somebody truncates a file, the next write
to such a map ends the process (SIGBUS). So here each change is written with a call that can fail, for about 1 µs more
(measured). While it fails, memory counts on, and once a second the whole file is tried again: nothing is lost.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import structlog
from prometheus_client.mmap_dict import mmap_key

from app.metrics_format import HEADER, PAIR, entry, whole

log = structlog.get_logger("fairboard.metrics")

_LOOK_SECONDS = 1.0


class FileValue:
    """One value of a metric, with the interface of the client library's own. Methods of this class never raise."""

    _multiprocess = True

    def __init__(
        self,
        typ: str,
        metric_name: str,
        name: str,
        labelnames: list[str],
        labelvalues: list[str],
        help_text: str,
        multiprocess_mode: str = "",
        **_: object,
    ) -> None:
        self._key = mmap_key(metric_name, name, labelnames, labelvalues, help_text)
        self._file = _store.file(f"{typ}_{multiprocess_mode}" if typ == "gauge" else typ)
        if set(labelnames) - {"le"}:
            self.inc(0.0)  # a counter that began at one would not have grown
        else:
            self._file.values.setdefault(self._key, 0.0)  # at import: a process that never counts has no files

    def inc(self, amount: float) -> None:
        """Add to it."""
        with _store.lock:
            self._file.put(self._key, self._file.values.get(self._key, 0.0) + amount)

    def set(self, value: float, timestamp: float | None = None) -> None:
        """Replace it."""
        with _store.lock:
            self._file.put(self._key, value)

    def get(self) -> float:
        """What this process has counted."""
        return self._file.values.get(self._key, 0.0)

    def set_exemplar(self, exemplar: object) -> None:
        """Keep none: the format has no place for it."""

    def get_exemplar(self) -> None:
        """There is none."""


class _Store:
    """The files of this process. A process that was forked begins with files of its own, and with zero."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # what goes wrong is logged, and a log line that is lost is counted
        self._files: dict[str, _File] = {}
        self._failing: set[str] = set()
        os.register_at_fork(after_in_child=self._begin_anew)

    def file(self, kind: str) -> _File:
        """The one for metrics of this kind."""
        with self.lock:
            return self._files.setdefault(kind, _File(self, kind))

    def failed(self, kind: str, error: OSError) -> None:
        """Report once that counts are in memory alone."""
        if not self._failing:
            log.warning("metrics_not_written", error=str(error))
        self._failing.add(kind)

    def succeeded(self, kind: str) -> None:
        """Report that files have all counts again."""
        if kind in self._failing:
            self._failing.discard(kind)
            if not self._failing:
                log.info("metrics_written_again")

    def _begin_anew(self) -> None:
        self.lock = threading.RLock()
        self._failing.clear()
        for file in self._files.values():
            file.begin_anew()


class _File:
    """All values of one kind of metric: `values` is what counts, the file a copy."""

    def __init__(self, store: _Store, kind: str) -> None:
        self.values: dict[str, float] = {}
        self._store, self._kind = store, kind
        self._places: dict[str, int] = {}
        self._descriptor: int | None = None
        self._size = 0
        self._look_at = 0.0

    def put(self, key: str, value: float) -> None:
        """Set a value, in the file too unless that fails."""
        self.values[key] = value
        try:
            now = time.monotonic()
            if now >= self._look_at:
                self._look_at = now + _LOOK_SECONDS
                if not self._is_whole():
                    self._create()
                    return
            if self._descriptor is not None:
                self._write(self._descriptor, key, value)
        except OSError as error:
            self._close()
            self._store.failed(self._kind, error)

    def begin_anew(self) -> None:
        """Let go of the parent's file and of what the parent has counted."""
        self._close()
        self._look_at = 0.0
        self.values = dict.fromkeys(self.values, 0.0)

    def _write(self, descriptor: int, key: str, value: float) -> None:
        place = self._places.get(key)
        if place is not None:
            _put(descriptor, PAIR.pack(value, 0.0), place)
            return
        new = entry(key, value)
        _put(descriptor, new, self._size)
        self._size += len(new)
        _put(descriptor, HEADER.pack(self._size), 0)  # last: until then nobody reads what may be half an entry
        self._places[key] = self._size - PAIR.size

    def _is_whole(self) -> bool:
        """Whether it is there, and nobody has removed, truncated or overwritten it."""
        if self._descriptor is None:
            return False
        state = os.fstat(self._descriptor)
        header = os.pread(self._descriptor, HEADER.size, 0)
        return state.st_nlink > 0 and state.st_size >= self._size and header == HEADER.pack(self._size)

    def _create(self) -> None:
        """Write all of it beside, then put it in its place: nobody sees half a file."""
        self._close()
        folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
        path, new = (folder / f"{self._kind}_{identity()}.{ending}" for ending in ("db", "new"))
        data, places = whole(self.values)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _put(descriptor, data, 0)
            new.replace(path)
        except OSError:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                new.unlink()
            raise
        self._descriptor, self._places, self._size = descriptor, places, len(data)
        self._store.succeeded(self._kind)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def identity() -> str:
    """The pid of this process and when it started, in ticks since boot: together they never name a later process."""
    with contextlib.suppress(OSError, IndexError):
        return f"{os.getpid()}-{Path('/proc/self/stat').read_text().rpartition(')')[2].split()[19]}"
    return str(os.getpid())


def _put(descriptor: int, data: bytes, place: int) -> None:
    """Write all of it. Raises OSError also where there was room for a part alone."""
    while data:
        written = os.pwrite(descriptor, data, place)
        data, place = data[written:], place + written


_store = _Store()
