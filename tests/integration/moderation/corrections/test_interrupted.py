"""Voids and restores that are interrupted, resumed, or run while play goes on."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

from app.containers.container import Container
from app.domain.corrections import Selection
from tests.integration.moderation.corrections.conftest import BY, TAP, Ledger
from tests.parts.waiting import eventually


def test_a_void_that_is_taken_back_half_way_is_taken_back_as_far_as_it_came(ledger: Ledger) -> None:
    anna = ledger.player()
    for _ in range(30):
        ledger.redeem(anna)
    before = ledger.standings()
    ledger.container.corrections.batch = 10
    void = ledger.container.corrections.void(Selection(player_id=anna), **BY)
    assert ledger.container.corrections.work(void, seconds=0).events == 10
    assert [row[1] for row in ledger.standings()] == [20]
    ledger.restore(void)
    assert ledger.standings() == before
    assert ledger.container.corrections.get(void).state == "restored"
    assert ledger.container.corrections.resume_all(5) == []


def test_what_somebody_left_running_is_finished_by_the_next(ledger: Ledger, workers: list[Container]) -> None:
    anna = ledger.player()
    for _ in range(25):
        ledger.redeem(anna)
    ledger.container.corrections.batch = 10
    void = ledger.container.corrections.void(Selection(player_id=anna), **BY)
    ledger.container.corrections.work(void, seconds=0)
    threads = [threading.Thread(target=worker.corrections.resume_all, args=(20,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    correction = ledger.container.corrections.get(void)
    assert (correction.state, correction.events, correction.points, correction.players) == ("done", 25, 25, 1)
    assert [row[1] for row in ledger.standings()] == [0]
    assert ledger.wrong() == []


def test_redemptions_go_on_meanwhile_and_count(ledger: Ledger) -> None:
    players = [ledger.player() for _ in range(4)]
    for player in players:
        for _ in range(50):
            ledger.redeem(player, 2)
    ledger.container.corrections.batch = 7
    void = ledger.container.corrections.void(Selection(action_type_id=TAP), **BY)
    redeeming = threading.Thread(target=lambda: list(map(ledger.redeem, players * 30)))
    redeeming.start()
    correction = ledger.container.corrections.work(void)
    redeeming.join()
    assert (correction.events, correction.players) == (200, 4)
    assert [row[1] for row in ledger.standings()] == [30] * 4
    ledger.restore(void)
    assert [row[1] for row in ledger.standings()] == [130] * 4
    assert ledger.wrong() == []


_WORKER = """
import os, sys
from uuid import UUID
from app.containers.container import Container
from app.settings import Settings
container = Container(Settings.from_env(os.environ))
container.corrections.batch = 10
container.corrections.work(UUID(sys.argv[1]))
"""


def test_a_worker_killed_in_the_middle_leaves_whole_batches_and_another_goes_on(
    container: Container, ledger: Ledger, servers: Any
) -> None:
    players = [ledger.player() for _ in range(5)]
    for number in range(2000):
        ledger.redeem(players[number % 5])
    before, bystander = ledger.standings(), ledger.player()
    ledger.redeem(bystander)
    void = container.corrections.void(Selection(player_id=players[0]), **BY)
    env = {**servers.env, "DATABASE_URL": container.settings.database_url, "REDIS_URL": container.settings.redis_url}
    with subprocess.Popen([sys.executable, "-c", _WORKER, str(void)], env=env, stdout=subprocess.DEVNULL) as worker:
        eventually(lambda: container.corrections.get(void).events >= 50, every=0.001)
        worker.kill()
    stopped = container.corrections.get(void)
    assert stopped.state == "running"
    assert 50 <= stopped.events < 400
    assert stopped.events % 10 == 0, "a batch is done whole, or not at all"
    assert ledger.wrong() == [], "the standing is what its events say, at any moment"
    assert [correction.state for correction in container.corrections.resume_all(60.0)] == ["done"]
    assert container.corrections.get(void).events == 400
    restore = container.corrections.restore(void, **BY)
    assert container.corrections.work(restore).state == "done"
    assert [row for row in ledger.standings() if row[0] != bystander] == before
    assert ledger.wrong() == []
