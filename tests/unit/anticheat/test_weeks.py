"""The simulator of weeks, in small: the figures in docs/anticheat.md come from `make fairness`."""

from __future__ import annotations

import pytest

from anticheat.features import WINDOW_SECONDS
from anticheat.model import LEAST_WINDOWS, Model, train
from bench.fairness.figures import summarise
from bench.fairness.judge import by_rules, windows
from bench.fairness.report import text
from bench.fairness.trial import Account, trial
from bench.fairness.weeks import CHEATS, HONEST, accounts


@pytest.fixture(scope="module")
def model() -> Model:
    """Train a model on few players, whose days count several times."""
    played = [(name, plays) for kind in HONEST if not kind.held_out for name, plays in accounts(kind, 1, 15)]
    days = [day.vector for day in windows(played, WINDOW_SECONDS)]
    return train(days * (LEAST_WINDOWS // len(days) + 1), 1)


@pytest.fixture(scope="module")
def population(model: Model) -> list[Account]:
    return trial(model, 5, 30, 1)


def test_no_honest_player_is_flagged_and_every_cheat_that_can_be_told_is(population: list[Account]) -> None:
    honest = {kind.name for kind in HONEST}
    # A model of a thousand players finds the second one; a model of a hundred does not.
    beyond = {kind.name for kind in CHEATS if kind.beyond} | {"just below the rules"}
    beyond |= {"token stockpiling"}  # it earns what one action at a time earns
    assert {account.kind for account in population} == honest | {kind.name for kind in CHEATS}
    assert [
        account.kind for account in population if account.kind in honest | beyond and account.flagged is not None
    ] == []
    assert [
        account.kind for account in population if account.kind not in honest | beyond and account.flagged is None
    ] == []


def test_the_model_finds_what_the_rules_cannot_and_suspends_nobody(population: list[Account]) -> None:
    by_model = {account.kind for account in population if account.flagged_by_model is not None}
    assert {"clockwork with noise", "around the clock", "farm in step", "replays a human"} <= by_model
    assert all(account.suspended_after is None for account in population if account.kind in by_model)


def test_naive_bots_are_suspended_at_once(population: list[Account]) -> None:
    naive = {kind.name for kind in CHEATS if kind.naive}
    after = [account.suspended_after for account in population if account.kind in naive]
    assert len(after) == len(naive)
    assert all(count is not None and count <= 25 for count in after)


def test_a_week_can_be_repeated() -> None:
    for kind in (*HONEST[:1], *CHEATS[:1]):
        assert list(accounts(kind, 3, 1)) == list(accounts(kind, 3, 1))
        assert list(accounts(kind, 3, 1)) != list(accounts(kind, 4, 1))


def test_accounts_of_a_farm_do_the_same_at_the_same_time() -> None:
    (farm,) = (kind for kind in CHEATS if kind.accounts_per_group > 1)
    played = [plays for _, plays in accounts(farm, 3, 1)]
    assert len(played) == farm.accounts_per_group
    assert all(abs(a.completed_at - b.completed_at) < 1 for a, b in zip(played[0], played[1], strict=True))
    assert played[0] != played[1]


def test_nothing_is_played_after_a_suspension() -> None:
    ((_, plays),) = accounts(CHEATS[0], 3, 1)
    judged = by_rules(plays)
    assert judged.suspended
    assert len(judged.plays) < len(plays)


def test_the_table_says_what_was_counted(population: list[Account]) -> None:
    wrong = Account("novice", 100, None, 5.0, None, 0.0, 6.0)
    summary = summarise([population, [*population, wrong]], 1.0)
    assert summary["false_flags"]["model"]["count"] == 1
    assert summary["false_flags"]["rules"]["count"] == 0
    assert summary["false_suspensions"]["count"] == 0
    assert summary["roc_area"]["both"]["rate"] > 0.97 > summary["roc_area"]["rules"]["rate"]
    assert summary["roc_area_of_all"]["rate"] < summary["roc_area"]["both"]["rate"]
    printed = text(summary)
    assert all(kind.name in printed for kind in (*HONEST, *CHEATS))
