"""The format of the files in METRICS_DIR, which is the client library's own, with strict checks when reading.

A file is a header of 8 bytes with the number of used bytes as a 32-bit integer, then entries: the length of a key, the
key (JSON: metric, sample, labels, help), spaces up to a multiple of 8 bytes, the value and a time that we leave at 0.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from prometheus_client.samples import Sample

COUNTER, HISTOGRAM, GAUGE = "counter", "histogram", "gauge_livesum"
MERGED = "merged"
PAIR = struct.Struct("dd")
HEADER = struct.Struct("i4x")
_LENGTH = struct.Struct("i")
_MOST_BYTES = 64 << 20
_PROCESS = re.compile(rf"\d+(-\d+)?|{MERGED}(-\d+)?")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class DamagedFile(Exception):
    """A file in which nothing can be counted, with the reason."""


@dataclass(frozen=True, slots=True)
class SampleKey:
    """One sample of a metric, as a file names it."""

    metric: str
    sample: str
    labels: tuple[tuple[str, str], ...]
    help: str

    def with_value(self, value: float) -> Sample:
        """Return the client library's sample with this value."""
        return Sample(self.sample, dict(self.labels), value)


def encode_entry(key: str, value: float) -> bytes:
    """Return one entry; its value is in the last 16 bytes."""
    name = key.encode()
    padding = b" " * (8 - (len(name) + _LENGTH.size) % 8)
    return _LENGTH.pack(len(name)) + name + padding + PAIR.pack(value, 0.0)


def encode_file(values: Mapping[str, float]) -> tuple[bytes, dict[str, int]]:
    """Return the bytes of a file with these values, and the offset of each value."""
    parts, places, size = [b""], {}, HEADER.size
    for key, value in values.items():
        parts.append(encode_entry(key, value))
        size += len(parts[-1])
        places[key] = size - PAIR.size
    parts[0] = HEADER.pack(size)
    return b"".join(parts), places


def parse_name(path: Path) -> tuple[str, str]:
    """Return the kind of a file and the process that keeps it, from its name. Raises DamagedFile."""
    kind, _, process = path.stem.rpartition("_")
    if kind not in (COUNTER, HISTOGRAM, GAUGE):
        raise DamagedFile("its name has an unknown kind")
    if not _PROCESS.fullmatch(process):
        raise DamagedFile("its name has no process")
    return kind, process


def values_of(path: Path, kind: str) -> dict[str, float]:
    """Return a file's values by key. Raises DamagedFile unless all of it is valid, OSError if it can't be read."""
    data = _read_content(path)
    if len(data) < HEADER.size:
        raise DamagedFile(f"it has {len(data)} bytes")
    (used,) = HEADER.unpack_from(data)
    if not HEADER.size <= used <= len(data):
        raise DamagedFile(f"its header says {used} bytes, it has {len(data)}")
    values: dict[str, float] = {}
    try:
        place = HEADER.size
        while place < used:
            (length,) = _LENGTH.unpack_from(data, place)
            if length <= 0:
                raise DamagedFile(f"a key of {length} bytes")
            end = place + _LENGTH.size + length
            place = end + 8 - (length + _LENGTH.size) % 8 + PAIR.size
            if place > used:
                raise DamagedFile("it ends in the middle of an entry")
            name = data[end - length : end].decode()
            value = PAIR.unpack_from(data, place - PAIR.size)[0]
            _check(parse_key(kind, name), kind, value)
            values[name] = values.get(name, 0.0) + value
    except (struct.error, UnicodeError, ValueError, RecursionError) as error:
        raise DamagedFile(f"{type(error).__name__} in an entry") from error
    return values


@lru_cache(maxsize=50_000)
def parse_key(kind: str, key: str) -> SampleKey:
    """Return a key that Prometheus accepts for this kind of metric; raise DamagedFile, ValueError or RecursionError."""
    parts = json.loads(key)
    if not (isinstance(parts, list) and len(parts) == 4 and isinstance(parts[2], dict)):
        raise DamagedFile("a key that is not a list of metric, sample, labels and help")
    metric, sample, labels, text = parts
    if not all(isinstance(part, str) for part in (metric, sample, text, *labels.values())):
        raise DamagedFile("a key with a value that is not text")
    text.encode(), *(value.encode() for value in labels.values())  # half a surrogate pair can't be encoded
    if not (_METRIC.fullmatch(metric) and all(map(_LABEL.fullmatch, labels))):
        raise DamagedFile("a metric or a label with an invalid name")
    samples = {COUNTER: ["_total"], HISTOGRAM: ["_sum", "_bucket"], GAUGE: [""]}[kind]
    if sample not in [metric + suffix for suffix in samples]:
        raise DamagedFile(f"a sample of another kind than {kind}")
    if sample.endswith("_bucket") and kind == HISTOGRAM and math.isnan(float(labels.get("le", "nan"))):
        raise DamagedFile("a bucket without its limit")
    return SampleKey(metric, sample, tuple(sorted(labels.items())), text)


def _check(key: SampleKey, kind: str, value: float) -> None:
    if not math.isfinite(value) or (value < 0 and (kind == COUNTER or key.sample.endswith("_bucket"))):
        raise DamagedFile(f"a value of {value}")


def _read_content(path: Path) -> bytes:
    """Return all of a regular file. Anything else, such as a pipe without a writer, must not be waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise DamagedFile("it is not a regular file")
        if status.st_size > _MOST_BYTES:
            raise DamagedFile(f"it has {status.st_size} bytes")
        return file.read()
