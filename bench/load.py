"""Starting the load generator (bench/client.py) and reading its figures."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from devstack.child import ROOT

Request = dict[str, Any]
"""`{"method", "path", "headers", "body"}`; the last two may be missing.

Requests that are timed are raw, not those of the Python client: the generator shares the cores with the product, and
a request costs it 0.04 ms of CPU where the client's costs 1.2 ms.
"""


class BenchFailed(Exception):
    """The figures would mean nothing: one line with the reason."""


@dataclass(frozen=True, slots=True)
class Load:
    """The figures of one run of the load generator; times in seconds, `cpu` is its own."""

    answers: int
    seconds: float
    cpu: float
    p50: float
    p99: float
    bodies: list[str]

    @property
    def rate(self) -> float:
        """Return the answers a second."""
        return self.answers / self.seconds


def send(
    url: str,
    requests: Sequence[Request],
    *,
    connections: int,
    status: int = 200,
    needle: str = "",
    keep: bool = False,
    repeat: int = 1,
    at_start: Callable[[], None] = lambda: None,
) -> Load:
    """Send the requests `repeat` times, and call `at_start` when all is prepared but not sent.

    Raises `BenchFailed` if an answer has another status or lacks `needle`; `keep` returns the answers' bodies, in
    order.
    """
    address = urlsplit(url)
    plan = {
        "host": address.hostname,
        "port": address.port,
        "connections": connections,
        "status": status,
        "needle": needle,
        "keep": keep,
        "repeat": repeat,
        "requests": list(requests),
    }
    with tempfile.TemporaryDirectory() as folder:
        plan_file, answers_file = Path(folder, "plan"), Path(folder, "answers")
        plan_file.write_text(json.dumps(plan))
        command = [sys.executable, "-m", "bench.client", str(plan_file), str(answers_file)]
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as client:
            assert client.stdin is not None
            assert client.stdout is not None
            if client.stdout.readline() == "ready\n":
                at_start()
            _, errors = client.communicate("go\n")
        if client.returncode:
            raise BenchFailed(errors.strip().splitlines()[-1] if errors.strip() else "the load generator died")
        return Load(**json.loads(answers_file.read_text()))
