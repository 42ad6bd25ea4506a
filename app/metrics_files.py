"""The counts of a process, in its memory and in files of METRICS_DIR that outlive it.

The client library maps its files into memory. After the disk is full or a file is truncated, the next write to such a
map ends the process (SIGBUS). So each change is written here with a call that can fail, for about 1 µs more (measured).
While it fails, memory counts on, and the whole file is tried again once a second: no count is lost.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import structlog
from prometheus_client.mmap_dict import mmap_key

from app.metrics_format import HEADER, PAIR, encode_entry, encode_file

log = structlog.get_logger("fairboard.metrics")

_CHECK_SECONDS = 1.0


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
            self.inc(0.0)  # Prometheus sees no growth in a counter that starts at one
        else:
            self._file.values.setdefault(self._key, 0.0)  # made at import: a process that never counts has no files

    def inc(self, amount: float) -> None:
        """Add to the value."""
        with _store.lock:
            self._file.put(self._key, self._file.values.get(self._key, 0.0) + amount)

    def set(self, value: float, timestamp: float | None = None) -> None:
        """Replace the value."""
        with _store.lock:
            self._file.put(self._key, value)

    def get(self) -> float:
        """Return this process's own value."""
        return self._file.values.get(self._key, 0.0)

    def set_exemplar(self, exemplar: object) -> None:
        """Drop the exemplar: the format has no place for it."""

    def get_exemplar(self) -> None:
        """Return None: no exemplar is kept."""


class _Store:
    """The files of this process. A forked process starts with files of its own, and at zero."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # reentrant: a failure is logged, and a lost log line is counted
        self._files: dict[str, _File] = {}
        self._failing: set[str] = set()
        os.register_at_fork(after_in_child=self._begin_anew)

    def file(self, kind: str) -> _File:
        """Return the file for metrics of this kind."""
        with self.lock:
            return self._files.setdefault(kind, _File(self, kind))

    def failed(self, kind: str, error: OSError) -> None:
        """Report once that counts are only in memory."""
        if not self._failing:
            log.warning("metrics_not_written", error=str(error))
        self._failing.add(kind)

    def succeeded(self, kind: str) -> None:
        """Report that the files have all counts again."""
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
    """All values of one kind of metric: `values` is authoritative, the file a copy."""

    def __init__(self, store: _Store, kind: str) -> None:
        self.values: dict[str, float] = {}
        self._store, self._kind = store, kind
        self._places: dict[str, int] = {}
        self._descriptor: int | None = None
        self._size = 0
        self._check_at = 0.0

    def put(self, key: str, value: float) -> None:
        """Set a value, in the file too unless that fails."""
        self.values[key] = value
        try:
            now = time.monotonic()
            if now >= self._check_at:
                self._check_at = now + _CHECK_SECONDS
                if not self._is_intact():
                    self._create()
                    return
            if self._descriptor is not None:
                self._write(self._descriptor, key, value)
        except OSError as error:
            self._close()
            self._store.failed(self._kind, error)

    def begin_anew(self) -> None:
        """Close the parent's file, and drop the parent's counts."""
        self._close()
        self._check_at = 0.0
        self.values = dict.fromkeys(self.values, 0.0)

    def _write(self, descriptor: int, key: str, value: float) -> None:
        place = self._places.get(key)
        if place is not None:
            _write_at(descriptor, PAIR.pack(value, 0.0), place)
            return
        new_entry = encode_entry(key, value)
        _write_at(descriptor, new_entry, self._size)
        self._size += len(new_entry)
        _write_at(descriptor, HEADER.pack(self._size), 0)  # written last: until then no reader sees a partial entry
        self._places[key] = self._size - PAIR.size

    def _is_intact(self) -> bool:
        """Return whether the file is in its place, and was not removed, moved, truncated or overwritten."""
        if self._descriptor is None:
            return False
        state = os.fstat(self._descriptor)
        try:
            is_in_place = os.path.samestat(state, self._path().stat())
        except OSError:
            return False
        header = os.pread(self._descriptor, HEADER.size, 0)
        return is_in_place and state.st_size >= self._size and header == HEADER.pack(self._size)

    def _path(self) -> Path:
        return Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]) / f"{self._kind}_{identity()}.db"

    def _create(self) -> None:
        """Write the whole file under another name, then rename it: no reader sees half a file."""
        self._close()
        path = self._path()
        temporary = path.with_suffix(".new")
        data, places = encode_file(self.values)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write_at(descriptor, data, 0)
            temporary.replace(path)
        except OSError:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        self._descriptor, self._places, self._size = descriptor, places, len(data)
        self._store.succeeded(self._kind)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def identity() -> str:
    """Return this process's pid and start time in ticks since boot: together they never name a later process."""
    with contextlib.suppress(OSError, IndexError):
        return f"{os.getpid()}-{Path('/proc/self/stat').read_text().rpartition(')')[2].split()[19]}"
    return str(os.getpid())


def _write_at(descriptor: int, data: bytes, place: int) -> None:
    """Write all of the data. Raises OSError also when there was room for only a part."""
    while data:
        written = os.pwrite(descriptor, data, place)
        data, place = data[written:], place + written


_store = _Store()
