"""Questions to the broker from a separate process: Celery isn't ours to import, and a stalled broker may not answer."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

Facts = dict[str, Any]
"""An answer in JSON, as the docstring of its module describes it."""

_ROOT = Path(__file__).resolve().parents[3]


def ask(module: str, question: str, *, within: float | None) -> Facts:
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
