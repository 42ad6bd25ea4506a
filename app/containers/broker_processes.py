"""The broker's answers to operators, each from a process of its own: a stalled broker may not answer."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from app.services.operations.broker_questions import Facts

_ROOT = Path(__file__).resolve().parents[2]


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

    Return `{"error"}` without an answer in `within` seconds.
    """
    began = time.monotonic()
    try:
        process = subprocess.run(
            [sys.executable, "-m", module],
            cwd=_ROOT,
            input=f"{question}\n",
            capture_output=True,
            text=True,
            timeout=within,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {time.monotonic() - began:.0f} s"}
    try:
        answer: Facts = json.loads(process.stdout)
    except json.JSONDecodeError:
        last_line = process.stderr.strip().rpartition("\n")[2]
        return {"error": last_line or f"'{module}' ended with {process.returncode}"}
    return answer
