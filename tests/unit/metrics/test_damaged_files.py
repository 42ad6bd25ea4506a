"""Damaged files in METRICS_DIR cost a scrape nothing else, and each is logged once."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.mmap_dict import mmap_key

from app import metrics_folder
from app.metrics_folder import MetricsFolder
from app.metrics_format import encode_entry, encode_file
from devstack.child import ROOT
from tests.parts.log_lines import lines_of

TEXT = "HTTP answers"
REQUESTS = mmap_key("fairboard_http_requests", "fairboard_http_requests_total", ["route"], ["/a"], TEXT)
GOOD, _ = encode_file({REQUESTS: 3.0})
NAMES = ["fairboard_http_requests", "fairboard_http_requests_total"]


def _of(*entries: bytes) -> bytes:
    return struct.pack("i4x", 8 + sum(map(len, entries))) + b"".join(entries)


def _keyed(*parts: object) -> bytes:
    return _of(encode_entry(json.dumps(parts), 1.0))


CONTENTS = {
    "empty": b"",
    "one byte": b"\x10",
    "random": os.urandom(70_000),
    "text": b"no metrics here\n" * 100,
    "truncated": GOOD[:-9],
    "longer than it is": struct.pack("i4x", 1 << 30) + GOOD[8:],
    "negative length": struct.pack("i4x", -5) + GOOD[8:],
    "no length": struct.pack("i4x", 0) + GOOD[8:],
    "key longer than it is": _of(struct.pack("i", 1 << 20) + b"x" * 36),
    "key of negative length": _of(struct.pack("i", -20) + b"x" * 36),
    "key not in UTF-8": GOOD.replace(b"/a", b"\xff\xfe"),
    "key no JSON": GOOD.replace(b"[", b"("),
    "key of other JSON": _of(encode_entry("{}", 1.0)),
    "key nested too deep": _of(encode_entry("[" * 100_000, 1.0)),
    "label that is a number": _keyed(*NAMES, {"route": 1}, TEXT),
    "label with half a character": _keyed(*NAMES, {"route": "\ud800"}, TEXT),
    "label with a name that none can have": _keyed(*NAMES, {"a b": "c"}, TEXT),
    "metric with a name that none can have": _keyed("a b", "a b_total", {}, TEXT),
    "help that is none": _keyed(*NAMES, {}, None),
    "not a number": _of(encode_entry(REQUESTS, float("nan"))),
    "infinite": _of(encode_entry(REQUESTS, float("inf"))),
    "less than nothing": _of(encode_entry(REQUESTS, -1.0)),
}
OTHER_NAMES = [
    "counter_.db",
    "counter_abc.db",
    "counter.db",
    ".db",
    "summary_1.db",
    "histogram_1.db",
    "gauge_livesum_1.db",
    "gauge_max_1.db",
    "\udcff_1.db",
]


def _directory(path: Path) -> None:
    path.mkdir()


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _huge(path: Path) -> None:
    path.write_bytes(GOOD)
    os.truncate(path, 1 << 40)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a good file of an ended process."""
    tmp_path.joinpath("counter_4194305.db").write_bytes(GOOD)
    return tmp_path


def _sum(folder: MetricsFolder) -> float:
    samples = [sample for family in folder.collect() for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == "fairboard_http_requests_total")


def _assert_skipped_and_logged_once(folder: Path, bad: str) -> None:
    """Assert that all counts are there, in text that Prometheus reads; the bad file stays, and is logged once."""
    with lines_of(metrics_folder) as lines:
        for collector in (MetricsFolder(folder), MetricsFolder(folder)):  # as two processes do
            for _ in range(2):
                assert _sum(collector) == 3
        registry = CollectorRegistry()
        registry.register(collector)
        assert b'fairboard_http_requests_total{route="/a"} 3.0' in generate_latest(registry)
        assert b"fairboard_metrics_files_skipped 1.0" in generate_latest(registry)
    assert [line["event"] for line in lines] == ["metrics_file_skipped"]
    assert lines[0]["file"] == str(folder / bad)
    assert os.path.lexists(folder / bad)


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
def test_a_file_with_damaged_content_is_skipped(folder: Path, content: bytes) -> None:
    folder.joinpath("counter_4194306.db").write_bytes(content)
    _assert_skipped_and_logged_once(folder, "counter_4194306.db")


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_a_file_with_another_name_is_skipped(folder: Path, name: str) -> None:
    folder.joinpath(name).write_bytes(GOOD)
    _assert_skipped_and_logged_once(folder, name)


@pytest.mark.parametrize("make", [_directory, _loop, _dangling, _pipe, _endless, _huge])
def test_what_is_no_file_is_skipped(folder: Path, make: Callable[[Path], None]) -> None:
    make(folder / "counter_4194306.db")
    _assert_skipped_and_logged_once(folder, "counter_4194306.db")


@pytest.mark.parametrize("bad", ["counter_4194399.db", "counter_merged.db"])
def test_a_merge_leaves_damaged_files_alone_and_loses_nothing(folder: Path, bad: str) -> None:
    for pid in range(4194306, 4194340):
        folder.joinpath(f"counter_{pid}.db").write_bytes(GOOD)
    folder.joinpath(bad).write_bytes(b"damaged")
    collector = MetricsFolder(folder)
    for _ in range(3):
        assert _sum(collector) == 35 * 3
    assert folder.joinpath(bad).read_bytes() == b"damaged"
    assert len(list(folder.glob("*.db"))) == 2


@pytest.mark.parametrize("name", ["merge.lock", "reported", "counter_merged.new"])
def test_a_directory_in_the_place_of_its_own_files_stops_no_scrape(folder: Path, name: str) -> None:
    for pid in range(4194306, 4194340):
        folder.joinpath(f"counter_{pid}.db").write_bytes(GOOD)
    folder.joinpath("counter_4194399.db").write_bytes(b"damaged")
    folder.joinpath(name).mkdir()
    collector = MetricsFolder(folder)
    for _ in range(2):
        assert _sum(collector) == 35 * 3


def test_a_folder_that_is_gone_is_an_empty_scrape(tmp_path: Path) -> None:
    assert _sum(MetricsFolder(tmp_path / "gone")) == 0


# An older version named files without the start time: another process's file may have the name of our own.
STARTING = """
import os, sys
from pathlib import Path
from app.metrics_files import identity
folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
for name in (f"counter_{os.getpid()}.db", f"counter_{identity()}.db"):
    path = folder / name
    path.mkdir() if sys.argv[1] == "folder" else path.write_bytes(b"damaged")
from app import metrics
metrics.requests.labels("/a", "GET", 200).inc()
assert metrics.requests.labels("/a", "GET", 200)._value.get() == 1
"""


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_process_whose_own_old_file_is_damaged_starts_and_counts(tmp_path: Path, what: str) -> None:
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", STARTING, what], env=env, cwd=ROOT, check=True, timeout=60)
    assert _sum(MetricsFolder(tmp_path)) == (1 if what == "file" else 0), "in its memory alone"
