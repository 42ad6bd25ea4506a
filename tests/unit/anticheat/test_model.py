"""The learned model: what it learns, what it finds strange, and how it says so."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from anticheat.features import DAY, FEATURES, GROUPS, Reference
from anticheat.gain import GAIN_PARAMETERS
from anticheat.limits import LIMITS, broken_limits
from anticheat.model import Assessment, Model, assess, assess_values, scores_of
from anticheat.plays import Vector
from anticheat.shipped import shipped_model
from anticheat.stored_model import DamagedModel, dump, load
from anticheat.training import ENOUGH_ACCOUNTS, LEAST_ACCOUNTS, Moments, Verdict, learn, train
from anticheat.weights import ENOUGH_VERDICTS, equal_weights, refitted_weights
from app.domain.cases import RULES
from tests.unit.anticheat.test_features import MONDAY, plays_at, uneven

UNTIL = MONDAY + 7 * DAY
NAMES = [feature.name for feature in FEATURES]
LEAST = np.array([feature.least_difference for feature in FEATURES])
HOURS = ["hours", "hours in a week"]
LIFE = [*HOURS, "punctual"]
HAND = ["steady", "forgetful", "echo", "quick"]


def values_with(names: Sequence[str] = (), by: float = 0.0) -> Vector:
    """Return the values of a usual account, but for these features, which are so many usual differences away."""
    values: Vector = 2 * LEAST
    for name in names:
        values[NAMES.index(name)] += by * LEAST[NAMES.index(name)]
    return values


def accounts(count: int, seed: int = 1) -> list[Moments]:
    """Return ordinary accounts with a vector on each of seven days."""
    rng = np.random.default_rng(seed)
    people = 2 * LEAST + LEAST * rng.normal(size=(count, len(FEATURES)))
    return [
        [(UNTIL - day * DAY, person + 0.3 * LEAST * rng.normal(size=len(FEATURES))) for day in range(7)]
        for person in people
    ]


def cheats(count: int) -> list[Moments]:
    return [[(UNTIL, values_with([*LIFE, *HAND], 9.0 + number % 3))] for number in range(count)]


def learned(people: Sequence[Moments], **options: float) -> Model:
    return learn(Reference({}, {}), people, UNTIL, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def model() -> Model:
    return learned(accounts(400))


def score(model: Model, names: Sequence[str], by: float) -> Assessment:
    return assess_values(model, values_with(names, by))


def test_cases_can_be_found_by_each_feature() -> None:
    assert {*NAMES, "limit"} <= set(RULES)


def test_several_groups_together_are_a_case_and_one_odd_habit_is_not(model: Model) -> None:
    assert not score(model, ["echo"], 50).is_case
    assert not score(model, HAND, 50).is_case, "a hand alone may be a device's"
    assert not score(model, LIFE, -50).is_case, "less of what machines do is not strange"
    assert score(model, [*LIFE, *HAND], 9).is_case
    assert score(model, [*LIFE, *HAND], 9).score > score(model, LIFE, 9).score


def test_the_hand_is_judged_apart_from_long_hours(model: Model) -> None:
    assert score(model, ["hours", "stretch", "points"], 20.0).hand == 0.0
    script = score(model, ["steady", "forgetful"], 20.0)
    assert script.hand == script.score == GAIN_PARAMETERS.hand


def test_features_of_a_group_count_once(model: Model) -> None:
    alone = score(model, ["hours"], 8).score
    assert score(model, HOURS, 8).score == pytest.approx(alone, abs=0.5)
    assert score(model, ["hours", "punctual"], 8).score > alone + 1


def test_what_is_not_known_says_nothing(model: Model) -> None:
    nothing = np.full(len(FEATURES), math.nan)
    assert assess_values(model, nothing).score == 0.0


def test_the_threshold_keeps_its_promise_and_follows_the_setting(model: Model) -> None:
    days = [values for moments in accounts(3000, seed=2) for _, values in moments]
    scores = scores_of(model, np.array(days))
    assert scores[0] == assess_values(model, days[0]).score
    assert np.mean(scores.reshape(3000, 7).max(axis=1) >= model.threshold) <= 0.003
    assert model.numbers["expected"] == 1.0
    assert model.numbers["threshold"] == pytest.approx(model.threshold, abs=0.01)
    assert learned(accounts(400), false_cases=10.0).threshold < model.threshold


def test_the_threshold_continues_the_body_as_a_normal_distribution(model: Model) -> None:
    body = (NormalDist().inv_cdf(0.6), NormalDist().inv_cdf(0.9))
    margin = replace(model, body=body, false_cases=1.0).threshold / NormalDist().inv_cdf(0.999)
    assert 1.0 < margin < 1.06


def test_cheats_among_the_accounts_do_not_teach(model: Model) -> None:
    dirty = learned([*accounts(400), *cheats(21)])
    assert dirty.threshold == pytest.approx(model.threshold, rel=0.15)
    assert dirty.numbers["strange"] == pytest.approx(21 / (21 + 400), abs=0.01)
    assert score(dirty, [*LIFE, *HAND], 9).is_case


def test_a_busy_account_counts_once(model: Model) -> None:
    busy: Moments = [(UNTIL - hour * 60, values_with(LIFE, 9)) for hour in range(4000)]
    assert learned([*accounts(400), busy]).threshold == pytest.approx(model.threshold, rel=0.05)


def test_what_stands_out_is_said_in_words(model: Model) -> None:
    finding, *_ = score(model, HOURS, 12).findings
    assert finding.feature.words == "play without its breaks, in a day"
    assert finding.value == f"{(14 * 0.15) ** 3:.1f} h"
    assert finding.usual.endswith(" h")
    assert len(score(model, HOURS, 12).findings) == 1, "the day's and the week's are the same"


def test_absolute_limits_are_a_case_by_themselves(model: Model) -> None:
    for limit in LIMITS:
        values = values_with()
        values[NAMES.index(limit.feature)] = limit.value
        assert broken_limits(values) == (limit.words,)
        strict = replace(model, body=(100.0, 200.0))
        assert assess_values(strict, values).is_case
        values[NAMES.index(limit.feature)] = 0.9 * limit.value
        assert broken_limits(values) == ()


def test_decisions_of_people_teach_the_weights() -> None:
    rng = np.random.default_rng(1)
    evidence = rng.uniform(0, 3, size=(60, len(GROUPS)))
    telling, idle = GROUPS.index("routine"), GROUPS.index("speed")
    confirmed = [bool(row[telling] > 1.5) for row in evidence]
    weights = refitted_weights(evidence, confirmed)
    assert weights[telling] > 1 > weights[idle] >= 0
    few = ENOUGH_VERDICTS - 1
    rows = np.vstack([evidence[np.array(confirmed)][:few], evidence[~np.array(confirmed)]])
    assert np.array_equal(refitted_weights(rows, [True] * few + [False] * (len(rows) - few)), equal_weights())


def test_decided_cases_change_what_is_strange(model: Model) -> None:
    decided = [(values_with(["quick"], 3 + number % 4), False) for number in range(30)]
    decided += [(values_with(["punctual"], 3 + number % 4), True) for number in range(30)]
    taught = learn(Reference({}, {}), accounts(400), UNTIL, decided=decided)
    assert score(taught, ["punctual"], 6).score > score(model, ["punctual"], 6).score
    assert score(taught, ["quick"], 6).score < score(model, ["quick"], 6).score


def test_plays_are_learned_from_and_assessed_one_account_at_a_time() -> None:
    people = [
        plays_at([time for day in range(7) for time in uneven(60 + seed % 9, (day * 24 + 9 + seed % 11) * 3600, seed)])
        for seed in range(40)
    ]
    model = train(people, UNTIL, days=7)
    assert (model.accounts, model.own_share, model.basis) == (40, 1.0, "the model learned from 40 players")
    ordinary, script = (
        assess(model, people[0], UNTIL),
        assess(model, plays_at([40.0 * step for step in range(7 * 2160)]), UNTIL),
    )
    assert ordinary is not None
    assert script is not None
    assert not ordinary.is_case
    assert script.score > script.threshold
    assert script.limits == tuple(limit.words for limit in LIMITS)
    assert assess(model, plays_at([1.0, 2.0]), UNTIL) is None
    assert dump(train(people, UNTIL, days=7)) == dump(model)
    verdict = Verdict(people[0], UNTIL, True)
    assert train(people, UNTIL, days=7, verdicts=[verdict]).accounts == 40


def test_without_any_account_and_without_a_prior_there_is_no_model() -> None:
    with pytest.raises(ValueError, match="no account has played enough"):
        train([], UNTIL)


def test_few_accounts_are_judged_by_the_shipped_model_and_more_by_both() -> None:
    prior = shipped_model()
    alone = learn(Reference({}, {}), accounts(5), UNTIL, prior=prior)
    assert alone.threshold == pytest.approx(prior.threshold)
    assert alone.basis == "the model shipped with Fairboard, since only 5 players have played enough to learn from"
    assert not any(
        np.isfinite(scale) for feature, scale in zip(FEATURES, alone.scale, strict=True) if feature.is_of_game
    )
    both = learn(Reference({}, {}), accounts(115), UNTIL, prior=prior)
    assert both.own_share == 0.5
    assert both.basis.startswith("the model shipped with Fairboard, to 50%, since only 115 players")
    enough = learn(Reference({}, {}), accounts(ENOUGH_ACCOUNTS), UNTIL, prior=prior)
    assert dump(enough) == dump(learned(accounts(ENOUGH_ACCOUNTS)))
    assert learn(Reference({}, {}), accounts(LEAST_ACCOUNTS), UNTIL, prior=prior).own_share == 0


def test_a_stored_model_judges_as_before(model: Model) -> None:
    loaded = load(*dump(model))
    for names in ([], LIFE, HAND):
        assert score(loaded, names, 7).score == pytest.approx(score(model, names, 7).score)
    assert loaded.threshold == pytest.approx(model.threshold)
    assert dump(loaded) == dump(model)


def test_a_damaged_model_is_not_read(model: Model) -> None:
    stored, digest = dump(model)
    with pytest.raises(DamagedModel, match="not the one that was trained"):
        load(stored[:-1] + b"x", digest)
    other = json.dumps({**json.loads(stored), "features": {}}).encode()
    for broken in (b"", stored[:100], b"\x80\x04cos\nsystem\n.", b"[]", other):
        with pytest.raises(DamagedModel, match="can't be read by this version"):
            load(broken, hashlib.sha256(broken).hexdigest())
