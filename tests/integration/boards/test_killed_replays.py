"""Commands that replay, in processes of their own: stopped by Ctrl-C or killed, and continued by a further command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.containers.container import Container
from app.domain.boards import MAIN
from devstack.stack import Stack
from tests.integration.boards.test_replays import assert_is_the_fold
from tests.integration.boards.test_scorings import redeem
from tests.integration.players import add_player
from tests.parts.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
FILE = """
[boards.main]
scoring = "best"

[boards.fastest]
scoring = "best"
order = "asc"

[action_types.tap]
boards = ["main", "fastest"]
"""


@pytest.fixture
def command(container: Container, servers: Stack, tmp_path: Path) -> list[str]:
    (tmp_path / "boards.toml").write_text(FILE)
    return [
        sys.executable,
        "-m",
        "flask",
        "--app",
        "wsgi",
        "boards",
        "apply",
        str(tmp_path / "boards.toml"),
        "--rebuild",
    ]


@pytest.fixture
def env(container: Container, servers: Stack) -> dict[str, str]:
    urls = {"DATABASE_URL": container.settings.database_url, "REDIS_URL": container.settings.redis_url}
    return {**os.environ, **servers.env, **urls, "AUDIT_ANCHORS": container.settings.audit_anchors}


@contextmanager
def waiting(container: Container, command: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Yield the process of the command, which waits in the middle of its replay; it is killed at the end."""
    pipe = subprocess.PIPE
    with container.database.transaction() as connection:
        connection.execute(sa.text("LOCK TABLE standings IN EXCLUSIVE MODE"))
        process = subprocess.Popen(
            ["env", "--default-signal=INT", *command], env=env, cwd=ROOT, stdout=pipe, stderr=pipe, text=True
        )
        try:
            eventually(lambda: (replay := container.replays.unfinished()) is not None and replay.covered_id is not None)
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_is_stopped_is_continued_by_the_same_command(
    container: Container, command: list[str], env: dict[str, str], end: signal.Signals
) -> None:
    players = [add_player(container, f"Player {number}") for number in range(6)]
    for number, player in enumerate(players):
        for result in (number, 9 - number, -2):
            redeem(container, player, result)
    top = container.standing_store.top(container.standings.season(MAIN), 10)
    with waiting(container, command, env) as process:
        process.send_signal(end)
        _, errors = process.communicate(timeout=60)
    redeem(container, players[0], 99)
    assert process.returncode != 0
    if end is signal.SIGINT:
        assert "'flask boards replay' continues it" in errors
    assert container.catalog.open_season("fastest") is None
    present = container.standing_store.top(container.standings.season(MAIN), 10)
    assert [row.user_id for row in present[1:]] == [row.user_id for row in top if row.user_id != players[0]]
    finished = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.endswith("standings.\n")
    assert container.replays.unfinished() is None
    assert_is_the_fold(container, players, MAIN, "best")
    assert_is_the_fold(container, players, "fastest", "best", "asc")
    again = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert again.stdout == "Nothing to change.\n"
