"""A full or read-only disk under METRICS_DIR, or a removed folder, ends no process and loses no count."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.metrics_folder import MetricsFolder
from bench.faults import disk
from devstack.child import ROOT
from tests.parts.waiting import eventually

# Each input line is a number of routes to count one request for; each route is a new value, so the file grows.
COUNTING = """
import sys
from app import logs, metrics
from app.settings import Settings
logs.configure(Settings())
print("ready", flush=True)
for line in sys.stdin:
    for number in range(int(line)):
        metrics.requests.labels(f"/{number}", "GET", 200).inc()
    print("counted", flush=True)
"""


class Counting:
    """A process that counts on command."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.requests = folder, 0
        env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
        command = [sys.executable, "-c", COUNTING]
        self.process = subprocess.Popen(
            command,
            env=env,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._answers("ready")

    def count(self, routes: int) -> None:
        """Count one request of each of so many routes."""
        assert self.process.stdin
        self.process.stdin.write(f"{routes}\n")
        self.process.stdin.flush()
        self._answers("counted")
        self.requests += routes

    def all_is_told(self) -> bool:
        """Count one more, and return whether a scrape has every count so far."""
        self.count(1)
        samples = [sample for family in MetricsFolder(self.folder).collect() for sample in family.samples]
        return self.requests == sum(s.value for s in samples if s.name == "fairboard_http_requests_total")

    def _answers(self, word: str) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline() == f"{word}\n", f"it has ended: {self.process.poll()}"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    if not disk.may_mount():
        pytest.skip("only root may mount a small disk")
    with disk.small(tmp_path / "disk", "2m"):
        yield tmp_path / "disk"


@pytest.fixture
def started() -> Iterator[list[Counting]]:
    processes: list[Counting] = []
    yield processes
    for counting in processes:
        counting.process.kill()
        counting.process.communicate()


def test_a_full_disk_ends_no_process_and_what_is_counted_meanwhile_is_told_afterwards(
    folder: Path, started: list[Counting]
) -> None:
    before = Counting(folder / "metrics")
    started.append(before)
    before.count(3)
    with disk.full(folder):
        before.count(2000)
        born_meanwhile = Counting(folder / "metrics")
        started.append(born_meanwhile)
        born_meanwhile.count(2000)
        list(MetricsFolder(folder / "metrics").collect())
    before.requests = born_meanwhile.requests = 0
    expected = {before: 2003, born_meanwhile: 2000}

    def told() -> bool:
        for counting in expected:
            counting.count(1)
        samples = [sample for family in MetricsFolder(folder / "metrics").collect() for sample in family.samples]
        total = sum(s.value for s in samples if s.name == "fairboard_http_requests_total")
        return total == sum(counting.requests + before for counting, before in expected.items())

    eventually(told)


def test_a_disk_that_is_read_only_for_a_while_loses_no_count(folder: Path, started: list[Counting]) -> None:
    before = Counting(folder / "metrics")
    before.count(3)
    before.process.kill()
    before.process.communicate()
    counting = Counting(folder / "metrics")
    started.append(counting)
    with disk.read_only(folder):
        counting.count(100)
        samples = [sample for family in MetricsFolder(folder / "metrics").collect() for sample in family.samples]
        assert sum(s.value for s in samples if s.name == "fairboard_http_requests_total") == before.requests
    counting.requests += before.requests
    eventually(counting.all_is_told)


@pytest.mark.parametrize("damage", ["removed", "moved", "replaced", "truncated", "overwritten"])
def test_a_file_that_is_taken_from_a_living_process_is_written_anew(
    tmp_path: Path, started: list[Counting], damage: str
) -> None:
    counting = Counting(tmp_path / "metrics")
    started.append(counting)
    counting.count(100)
    for file in tmp_path.glob("metrics/counter_*.db"):
        if damage == "truncated":
            os.truncate(file, 0)
        elif damage == "overwritten":
            file.write_bytes(os.urandom(100_000))
    if damage == "removed":
        shutil.rmtree(tmp_path / "metrics")
    if damage in ("moved", "replaced"):
        (tmp_path / "metrics").rename(tmp_path / "elsewhere")
    if damage == "replaced":
        (tmp_path / "metrics").write_text("a file")
        counting.count(100)
        (tmp_path / "metrics").unlink()
    counting.count(100)
    eventually(counting.all_is_told)


def test_a_folder_that_cannot_be_made_keeps_nobody_from_counting(tmp_path: Path, started: list[Counting]) -> None:
    in_the_way = tmp_path / "metrics"
    in_the_way.write_text("a file")
    counting = Counting(in_the_way)
    started.append(counting)
    counting.count(100)
    in_the_way.unlink()
    eventually(counting.all_is_told)
