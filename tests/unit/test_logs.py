"""Input from clients can neither steer the terminal that shows a log nor forge a line of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_WRITE_HOSTILE_LINES = r"""
import logging, sys
import structlog
from app import logs
from app.settings import Settings

HOSTILE = "a\nfake line\r\x1b[2J\x9b31m\u2028\u202eb\ud800"
logs.configure(Settings(app_env=sys.argv[1]))
log = structlog.get_logger("fairboard.test")
log.warning("sign_in_failed", username=HOSTILE, texts=[HOSTILE])
logging.getLogger("gunicorn.error").warning("bad request %s", HOSTILE)
try:
    raise ValueError(HOSTILE)
except ValueError:
    log.exception("unexpected")
"""


@pytest.mark.parametrize("env", ["development", "production"])
def test_a_text_from_a_client_stays_on_its_line(env: str) -> None:
    command = [sys.executable, "-c", _WRITE_HOSTILE_LINES, env]
    written = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stderr.decode()
    assert not [character for character in written.replace("\n", "") if not character.isprintable()]
    assert not [line for line in written.splitlines() if line.startswith("fake line")]
    assert len([line for line in written.splitlines() if "sign_in_failed" in line or "bad request" in line]) == 2
    assert "unexpected" in written
