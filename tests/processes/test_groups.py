"""Tests that share servers run in one process: starting the servers twice cost a third of the whole run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = ("tests/unit/test_docs.py", "tests/unit/domain/test_json_text.py", "tests/unit/domain/test_calibration.py")


def test_the_tests_of_a_group_run_in_one_process() -> None:
    command = [sys.executable, "-m", "pytest", "-n", "2", "-v", *FILES]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    output = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
    processes = defaultdict(set)
    for process, path in re.findall(r"^\[(gw\d)\] \[ *\d+%\] PASSED ([^:]+)::", output, re.MULTILINE):
        processes[path].add(process)
    assert set(processes) == set(FILES)
    assert all(len(names) == 1 for names in processes.values())
    assert len(set.union(*processes.values())) == 2
