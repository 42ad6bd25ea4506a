"""Asking the broker, in a process of its own: Celery isn't ours to import, and a stalled broker may take for ever."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

Facts = dict[str, Any]
_ROOT = Path(__file__).resolve().parents[3]


def ask(module: str, question: str, *, within: float | None) -> Facts:
    """What `python -m module` answers to one line on its standard input; `{"error"}` if it doesn't within seconds."""
    began = time.monotonic()
    try:
        done = subprocess.run(
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
        answer: Facts = json.loads(done.stdout)
    except json.JSONDecodeError:
        last = done.stderr.strip().rpartition("\n")[2]
        return {"error": last or f"'{module}' ended with {done.returncode}"}
    return answer
