"""The figures of `make fairness`, on populations made by hand: each figure can be right and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bench.fairness.aims import aims
from bench.fairness.figures import UNUSUAL_SHARE, honest_percentile, roc_area, summary
from bench.fairness.intervals import of_share
from bench.fairness.report import text
from bench.fairness.results import Result
from bench.fairness.small_servers import SmallResult, small_rows

DAY = 86_400.0
PERSON = Result(
    kind="regular",
    is_honest=True,
    is_unusual=False,
    is_naive=False,
    plays=100,
    cases={},
    levels={"rules": 0.1, "model": 0.2},
    learned={"the mainstream": 0.2},
    suspensions=0,
    holds=[],
    refused=0,
    off_board_after=None,
    day_points=[100.0, 50.0],
    unnoticed=100.0,
    board_points=150.0,
)
CHILD = replace(PERSON, kind="child", is_unusual=True, levels={"rules": 0.9, "model": 0.2})
NAIVE = replace(
    PERSON,
    kind="loop",
    is_honest=False,
    is_naive=True,
    cases={"rules": 5.0},
    levels={"rules": 3.0},
    learned={"the mainstream": 0.0},
    suspensions=1,
    off_board_after=3,
    unnoticed=2.0,
    board_points=2.0,
)
SLY = replace(
    PERSON,
    kind="sly",
    is_honest=False,
    cases={"model": 0.5 * DAY, "links": 2 * DAY},
    levels={"rules": 0.0, "model": 1.5},
    learned={"the mainstream": 0.15},
    unnoticed=140.0,
    board_points=400.0,
)
GOOD = [PERSON] * 9 + [CHILD, NAIVE, SLY]


def figures(*populations: Sequence[Result]) -> dict[str, Any]:
    run = {"kinds": "hand-made", "command": "test", "date": "2026-11-27", "seconds": 1}
    return summary(populations) | {"small": [], **run}


def unmet(results: Sequence[Result]) -> set[str]:
    return {aim.name.split(",")[0] for aim in aims(figures(results)) if not aim.is_met}


def test_a_good_population_meets_every_aim() -> None:
    assert unmet(GOOD) == set()


@pytest.mark.parametrize(
    ("name", "worse"),
    [
        ("honest players suspended", replace(PERSON, suspensions=1)),
        ("mainstream players held", replace(PERSON, holds=[60.0])),
        ("unusual players held", replace(CHILD, holds=[60.0])),
        ("naive bots off the board within 20 actions", replace(NAIVE, off_board_after=21)),
        ("naive bots off the board within 20 actions", replace(NAIVE, off_board_after=None)),
        ("most points a day of an unnoticed cheat", replace(SLY, unnoticed=151.0)),
    ],
)
def test_each_aim_can_be_missed(name: str, worse: Result) -> None:
    assert unmet([*GOOD, worse]) == {name}


def test_cheats_must_be_in_a_case_within_a_day_and_a_week() -> None:
    late, never = replace(SLY, cases={"model": 3 * DAY}), replace(SLY, cases={})
    day, week = "cheats that aren't naive in a case within a day", "the same within a week"
    assert unmet([PERSON, CHILD, NAIVE, SLY, late]) == {day}
    assert unmet([PERSON, CHILD, NAIVE, SLY, never]) == {day, week}


def test_the_roc_area_falls_with_unusual_players_above_cheats() -> None:
    steady = replace(CHILD, levels={"rules": 2.0, "model": 2.0})
    population = [PERSON, steady, SLY]
    assert roc_area(population, lambda result: result.level_by(("rules", "model")), 0.0) == 1.0
    area = roc_area(population, lambda result: result.level_by(("rules", "model")), UNUSUAL_SHARE)
    assert area == pytest.approx(0.9)
    assert unmet([*population, NAIVE]) == set()
    assert unmet([replace(PERSON, levels={"model": 9.0}), CHILD, NAIVE, SLY]) == {
        "ROC area",
        "the same with 10% unusual players",
    }


def test_each_kind_of_cheat_has_the_same_weight_in_the_area() -> None:
    missed = replace(SLY, kind="missed", levels={"model": 0.1})
    assert roc_area([PERSON, SLY, missed], lambda result: result.level_by(("model",)), 0.0) == 0.5
    assert roc_area([PERSON, *[SLY] * 8, missed], lambda result: result.level_by(("model",)), 0.0) == 0.5


def test_the_area_of_a_model_that_learned_with_cheats_is_of_that_model() -> None:
    taught = [replace(PERSON, learned={"5% cheats": 0.2}), replace(SLY, learned={"5% cheats": 0.1})]
    rows = {row["name"]: row["mainstream"]["rate"] for row in figures([*taught, CHILD])["roc"]}
    assert rows["model"] == 1.0
    assert rows["rules and model, learned from 5% cheats"] == 0.0


def test_rates_and_times_are_counted_by_kind_and_way() -> None:
    held = replace(CHILD, holds=[600.0, 1200.0, 9000.0], refused=2, cases={"rules": 5.0})
    row = next(row for row in figures([*GOOD, held])["honest"] if row["kind"] == "child")
    assert (row["weeks"], row["holds"]["count"], row["hold_count"]) == (2, 1, 3)
    assert (row["hold_median"], row["hold_longest"], row["hold_total"]) == (1200.0, 9000.0, 10800.0)
    assert row["refusals"]["rate"] == 0.5
    assert {name: rate["count"] for name, rate in row["cases"].items()} == {
        "rules": 1,
        "model": 0,
        "rules and model": 1,
        "links": 0,
        "gain": 0,
        "all": 1,
    }


def test_detection_is_counted_by_kind_and_way() -> None:
    late = replace(SLY, cases={"gain": 3 * DAY}, board_points=600.0)
    row = next(row for row in figures([*GOOD, late])["cheats"] if row["kind"] == "sly")
    by_way = {name: (found["day"]["rate"], found["week"]["rate"]) for name, found in row["found"].items()}
    assert by_way["model"] == (0.5, 0.5)
    assert by_way["links"] == (0.0, 0.5)
    assert by_way["gain"] == (0.0, 0.5)
    assert by_way["all"] == (0.5, 1.0)
    assert row["found"]["all"]["median"] == 1.75 * DAY
    assert row["board_points"] == 500.0
    assert row["gain_ratio"] == pytest.approx(1.4)


def test_the_honest_percentile_weighs_accounts_and_unusual_players() -> None:
    many_days = replace(PERSON, day_points=[10.0] * 7)
    keen = replace(PERSON, day_points=[70.0])
    assert honest_percentile([many_days, keen]) == 70.0
    binge = replace(CHILD, day_points=[900.0])
    assert honest_percentile([*[PERSON] * 99, binge]) == 900.0
    assert honest_percentile([*[PERSON] * 99, *[replace(binge, day_points=[9.0] * 99 + [900.0])]]) == 100.0


def test_small_servers_are_counted_by_size() -> None:
    accounts = [SmallResult(5, True, None, 0.1)] * 9 + [SmallResult(5, True, 10.0, 1.1)]
    accounts += [SmallResult(5, False, 0.5 * DAY, 2.0), SmallResult(5, False, 3 * DAY, 1.05)]
    (row,) = small_rows(accounts)
    assert (row["players"], row["servers"], row["cases"]["rate"]) == (5, 2, 0.1)
    assert (row["day"]["rate"], row["week"]["rate"]) == (0.5, 1.0)
    assert row["roc"] == pytest.approx(1 - 1 / 20)


def test_the_tables_name_every_kind_and_aim() -> None:
    tables = text(figures(GOOD, GOOD))
    assert tables.startswith("2026-11-27, `test`: ")
    assert all(kind in tables for kind in ("regular", "child (unusual)", "loop (naive)", "sly", "mainstream"))
    assert "**not met**" not in tables
    assert "**not met**" in text(figures([*GOOD, replace(PERSON, suspensions=1)]))


def test_none_of_sixty_is_not_zero() -> None:
    low, high = of_share(0, 60)
    assert low == 0
    assert high == pytest.approx(0.0602, abs=1e-4)
    assert of_share(30, 60) == pytest.approx((0.3773, 0.6227), abs=1e-4)
