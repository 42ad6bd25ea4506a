"""The broker's answers to operators, each from a process of its own: a stalled broker may not answer."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from app.services.operations.broker_questions import Facts

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60.0


class BrokerProcesses:
    """The services' questions to the broker at `url`, answered by modules of `workers`, which know Celery."""

    def __init__(self, url: str) -> None:
        self._url = url

    def probe(self, *, within: float) -> Facts:
        """Return the answer of workers.probe."""
        return _ask("workers.probe", self._url, within=within)

    def handle_letters(self, request: Mapping[str, object], *, within: float | None) -> Facts:
        """Return the answer of workers.dead_letters."""
        return _ask("workers.dead_letters", json.dumps({"url": self._url, **request}), within=within)


def _ask(module: str, question: str, *, within: float | None) -> Facts:
    """Return the answer of `python -m module` to one line on its standard input.

    Return `{"error"}` without an answer in `within` seconds. They begin once the process has its imports, which take
    long on a busy machine, whatever the broker does.
    """
    with subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=_ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            _await_ready(process)
            output, errors = process.communicate(f"{question}\n", timeout=within)
        except subprocess.TimeoutExpired as late:
            return {"error": f"no answer within {late.timeout:.0f} s"}
        finally:
            process.kill()
    try:
        answer: Facts = json.loads(output)
    except json.JSONDecodeError:
        last_line = errors.strip().rpartition("\n")[2]
        return {"error": last_line or f"'{module}' ended with {process.returncode}"}
    return answer


def _await_ready(process: subprocess.Popen[str]) -> None:
    """Wait for the line that the module prints before it reads the question. Raises TimeoutExpired."""
    assert process.stdout is not None
    poller = select.poll()  # not select(): that can't take the high descriptors of a process with many sockets
    poller.register(process.stdout, select.POLLIN)
    if not poller.poll(_START_SECONDS * 1000):
        raise subprocess.TimeoutExpired(process.args, _START_SECONDS)
    process.stdout.readline()
