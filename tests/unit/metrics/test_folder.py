"""The total that many processes count is the sum of their counts, however they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.metrics_folder import MetricsFolder
from devstack.child import ROOT

# Makes children one after another: each counts, and ends as `kill -9` ends it. The last one stays alive on demand.
COUNTING = """
import os, signal, sys, time
from app import metrics
for child in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        for _ in range(3):
            metrics.requests.labels("/a", "GET", 200).inc()
        metrics.request_seconds.labels("/a", "GET", "2xx").observe(0.02)
        metrics.request_seconds.labels("/a", "GET", "2xx").observe(7)
        metrics.sockets.set(5)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
if sys.argv[2:] == ["stay"]:
    metrics.requests.labels("/a", "GET", 200).inc()
    metrics.sockets.set(2)
    print("ready", flush=True)
    time.sleep(60)
"""


class Machine:
    """One METRICS_DIR, and the processes that count in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
        self._alive: list[subprocess.Popen[str]] = []

    def run(self, children: int) -> None:
        command = [sys.executable, "-c", COUNTING, str(children)]
        subprocess.run(command, env=self._env, cwd=ROOT, check=True, timeout=60)

    def stay(self) -> subprocess.Popen[str]:
        """Start a process with two sockets that has counted one request."""
        command = [sys.executable, "-c", COUNTING, "0", "stay"]
        process = subprocess.Popen(command, env=self._env, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self._alive.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def scrape(self) -> dict[str, float]:
        """Return every sample by its name, and its `le` where it has one."""
        samples = [sample for family in MetricsFolder(self.folder).collect() for sample in family.samples]
        return {sample.name + sample.labels.get("le", ""): sample.value for sample in samples}

    def end(self) -> None:
        for process in self._alive:
            process.kill()
            process.communicate()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.end()


@pytest.mark.parametrize("children", [3, 40])
def test_what_ended_processes_counted_counts_once_for_ever(machine: Machine, children: int) -> None:
    machine.run(children)
    for _ in range(2):  # the first scrape may merge files, the second must find the same counts in them
        samples = machine.scrape()
        assert samples["fairboard_http_requests_total"] == 3 * children
        assert samples["fairboard_http_request_seconds_count"] == 2 * children
        assert samples["fairboard_http_request_seconds_bucket0.025"] == children
        assert samples["fairboard_http_request_seconds_sum"] == pytest.approx(7.02 * children)


def test_a_thousand_restarts_leave_a_handful_of_files(machine: Machine) -> None:
    machine.run(40)
    machine.scrape()
    machine.run(40)
    assert machine.scrape()["fairboard_http_requests_total"] == 240
    assert len(list(machine.folder.glob("*.db"))) < 10


def test_only_living_processes_have_sockets(machine: Machine) -> None:
    machine.run(2)
    first, second = machine.stay(), machine.stay()
    assert machine.scrape()["fairboard_sockets"] == 4
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert machine.scrape()["fairboard_sockets"] == 2
    assert machine.scrape()["fairboard_http_requests_total"] == 2 * 3 + 2
    second.send_signal(signal.SIGKILL)
    second.wait()
    assert "fairboard_sockets" not in machine.scrape()
