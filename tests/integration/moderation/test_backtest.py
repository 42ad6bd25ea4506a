"""Backtests of settings on a past that the product itself has written."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from app.containers.container import Container
from app.domain.redemption import RedemptionRequest
from app.domain.times import utc
from app.errors import AccountSuspended, Refusal
from app.services.moderation.backtest import Report
from tests.integration.cli.conftest import Run, RunJson
from tests.integration.cli.conftest import run as run
from tests.integration.cli.conftest import run_json as run_json
from tests.integration.players import add_player

HOUR = timedelta(hours=1)


class Player:
    """A player on the real product, by a clock that the test sets, until suspended."""

    def __init__(self, product: Container, clock: list[float], name: str) -> None:
        self.product, self.clock = product, clock
        self.id = add_player(product, name)
        self.suspended = False

    def do(self, slug: str, wait: float, after: float = 0.05) -> None:
        if self.suspended:  # a suspended player gets no action
            return
        issued = self.product.actions.issue(self.id, slug)
        self.clock[0] += wait
        request = RedemptionRequest(str(self.id), issued.promise.action_id, issued.token, None, "test")
        try:
            self.product.redemptions.complete(request)
        except Refusal as refusal:
            self.suspended = isinstance(refusal, AccountSuspended)
        self.clock[0] += after


@pytest.fixture
def clock(container: Container) -> list[float]:
    return [container.clock() - 3000]


@pytest.fixture
def played(container: Container, clock: list[float]) -> Iterator[Container]:
    """Yield the product after an honest player, two that are too fast (rarely, always), a regular one and a forger."""
    plain = container.settings.model_copy(update={"anticheat_soft_ceiling": math.inf})
    product = Container(plain, clock=lambda: clock[0])
    product.actions.change("tap", {"min_seconds": 0.02})  # so that rhythm is judged like that of other actions
    container.database.rows("UPDATE action_types SET limits_since = now() - interval '1 day' RETURNING id")
    rng, begin = random.Random(1), clock[0]
    waits: dict[str, Callable[[], float]] = {
        "anna": lambda: 3.2 + rng.random(),
        "hasty": lambda: rng.choice([2.4, 3.4 + rng.random()]),
        "rushed": lambda: 0.5,
        "robot": lambda: 1.0,
    }
    for name, wait in waits.items():
        clock[0] = begin
        player = Player(product, clock, name)
        for _ in range(30):
            if name == "robot":
                player.do("tap", wait(), after=0.0)
            else:
                player.do("quick-match", wait(), after=0.1 + rng.random())
    yield product
    product.close()


def _run(product: Container, changes: dict[str, str] | None = None) -> Report:
    now = utc(product.clock())
    return product.backtest.run(now - HOUR, now + HOUR, changes or {})


def _everything(container: Container) -> list[Any]:
    tables = ("signals", "cases", "suspicion", "refusals", "score_events", "audit_log", "players", "outbox")
    return [container.database.rows(f"SELECT count(*), max(ctid::text) FROM {table}") for table in tables]


def test_the_settings_of_now_give_what_was(played: Container) -> None:
    report = _run(played)
    assert (report.players, report.prevented) == (4, 0)
    compared = {player.actual.username: player for player in report.compared}
    assert set(compared) == {"hasty", "rushed", "robot"}
    for player in compared.values():
        assert player.actual_words == player.simulated_words
        assert player.simulated.refused == player.actual.refused
        assert player.actual.suspended_at is None or player.actual.suspended_at.timestamp() == pytest.approx(
            player.simulated.suspended_at
        )
    assert {name for name, player in compared.items() if "suspended" in player.simulated_words} == {
        "hasty",
        "rushed",
        "robot",
    }
    assert [row["both"] for row in report.counts()] == [row["was"] for row in report.counts()] != [0, 0, 0, 0]


def test_other_settings_are_compared_with_what_was_and_nothing_changes(container: Container, played: Container) -> None:
    before = _everything(container)
    lenient = _run(played, {"pattern_adds": "0", "quick-match.min_seconds": "0"})
    assert [row["would_be"] for row in lenient.counts()] == [0, 0, 0, 0]
    assert [row["only_then"] for row in lenient.counts()] == [3, 2, 3, 3]
    strict = _run(played, {"quick-match.min_seconds": "4.2"})
    assert "anna" in {player.actual.username for player in strict.compared if "suspended" in player.simulated_words}
    assert strict.prevented > 0
    assert _everything(container) == before


def test_a_reinstated_player_is_taken_as_they_were(container: Container, played: Container, clock: list[float]) -> None:
    (rushed,) = [row.id for row in container.database.rows("SELECT id FROM players WHERE username = 'rushed'")]
    clock[0] += 1
    played.moderation.reinstate(rushed, "test")
    clock[0] += 1
    issued = played.actions.issue(rushed, "quick-match")
    clock[0] += 3.5
    played.redemptions.complete(RedemptionRequest(str(rushed), issued.promise.action_id, issued.token, None, "test"))
    (rushed_result,) = [player for player in _run(played).compared if player.actual.username == "rushed"]
    assert rushed_result.simulated.prevented == 0
    assert rushed_result.simulated.refused == rushed_result.actual.refused


def test_on_the_command_line(container: Container, played: Container, run: Run, run_json: RunJson) -> None:
    output = run("anticheat", "backtest", "--since", "2026-01-01").stdout
    assert "judged with the current settings:" in output
    assert "PLAYERS    WAS" in output
    assert "0 that scored would have been refused, or come after a suspension." in output
    data = run_json("anticheat", "backtest", "--set", "pattern_adds=0", "--player", "robot")
    assert (data["players"], data["changes"]) == (1, {"pattern_adds": "0"})
    assert [(row["username"], row["was"], row["would_be"]) for row in data["compared"]] == [
        ("robot", ["flagged", "held", "refused", "suspended"], [])
    ]
    (robot,) = [row.id for row in container.database.rows("SELECT id FROM players WHERE username = 'robot'")]
    container.moderation.reinstate(robot, "test")
    container.database.rows("UPDATE cases SET state = 'cleared', decided_at = now() RETURNING id")
    assert "a person has cleared them since:" in run("anticheat", "backtest").stdout
    wrong = run("anticheat", "backtest", "--set", "flags=1")
    assert wrong.exit_code == 1
    assert wrong.stderr.startswith("Error: --set there is no 'flags'; there are flag, reject, critical")
    assert run("anticheat", "backtest", "--set", "flag").exit_code == 2
