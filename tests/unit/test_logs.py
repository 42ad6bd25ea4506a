"""What clients send can neither steer the terminal that shows a log nor forge a line of it."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import structlog

from app import logs
from app.settings import Settings

HOSTILE = "a\nfake line\r\x1b[2J\x9b31m\u2028\u202eb\ud800"


@pytest.mark.parametrize("env", ["development", "production"])
def test_a_text_from_a_client_stays_on_its_line(env: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(replace(Settings(), app_env=env))
    log = structlog.get_logger("fairboard.test")
    log.warning("sign_in_failed", username=HOSTILE, texts=[HOSTILE])
    logging.getLogger("gunicorn.error").warning("bad request %s", HOSTILE)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        log.exception("unexpected")
    written = capsys.readouterr().err
    assert not [character for character in written.replace("\n", "") if not character.isprintable()]
    assert not [line for line in written.splitlines() if line.startswith("fake line")]
    assert len([line for line in written.splitlines() if "sign_in_failed" in line or "bad request" in line]) == 2
