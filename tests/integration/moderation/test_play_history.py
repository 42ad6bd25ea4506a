"""The ledger as the learned model reads it, and what goes on without the libraries of the model."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from app.containers.container import Container
from app.stores.moderation import play_history as stored_plays
from app.stores.moderation.play_history import play_ledger
from tests.integration.moderation.ledgers import DAY, HandLedger, write_days


def test_each_player_is_in_one_part_of_a_ledger_that_is_read_in_parts(container: Container) -> None:
    until = datetime.now(UTC)
    people = write_days(HandLedger(container), 40, 1, until)
    with play_ledger(container.database) as ledger:
        assert ledger.parts(until - DAY, until) == 1 + 40 * 60 // stored_plays.TOGETHER
        parts = [[window.player_id for window in ledger.windows(until - DAY, until, part, 3)] for part in range(3)]
    assert sorted(player for part in parts for player in part) == sorted(people)
    assert all(parts)
    assert all(player.int >> 96 in range(part, 2**32, 3) for part in range(3) for player in parts[part])


_WITHOUT = """
import sys
sys.modules["scipy"] = sys.modules["numpy"] = None  # as Python has it for what is not installed
from anticheat.rules import Signal
from app.containers.container import Container
from app.containers.moderation import thresholds_of
from app.errors import Unavailable
from app.settings import Settings
import os
container = Container(Settings.from_env(os.environ))
try:
    container.model_training
except Unavailable as refusal:
    print(refusal.message)
from workers.background import judge_by_model, train
train.run()
judge_by_model.run()
print("the tasks went on")
print(container.review.review_new().redemptions)
"""


def test_without_the_library_everything_else_works(container: Container, servers: Any) -> None:
    env = {**servers.env, "DATABASE_URL": container.settings.database_url, "REDIS_URL": container.settings.redis_url}
    process = subprocess.run([sys.executable, "-c", _WITHOUT], env=env, capture_output=True, text=True, timeout=60)
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    assert lines[0].startswith("The learned model needs numpy and scipy, which are not installed")
    assert lines[-2:] == ["the tasks went on", "0"]
