"""The learned model: its contents, and the days that it finds strange."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from anticheat.features import FEATURES, Vector
from anticheat.model import (
    LEAST_WINDOWS,
    MOST_POINTS,
    THRESHOLD,
    DamagedModel,
    dump,
    load,
    own_scores,
    scores,
    train,
    unusual_features,
)
from app.domain.cases import RULES


def days(count: int, seed: int = 1) -> list[Vector]:
    """Return ordinary days; each feature is spread by its unit of counting."""
    least = np.array([feature.least_difference for feature in FEATURES])
    return list(2 * least + least * np.random.default_rng(seed).normal(size=(count, len(FEATURES))))


def test_cases_can_be_found_by_each_feature() -> None:
    assert {feature.name for feature in FEATURES} <= set(RULES)


def strange_day(feature: str, by: float) -> Vector:
    """Return a day that is ordinary except for one feature."""
    least = np.array([spec.least_difference for spec in FEATURES])
    names = [spec.name for spec in FEATURES]
    vector: Vector = 2 * least
    vector[names.index(feature)] += by * least[names.index(feature)]
    return vector


@pytest.mark.parametrize("feature", [feature.name for feature in FEATURES])
def test_a_day_far_from_all_others_is_found_whatever_it_is_far_in(feature: str) -> None:
    model = train(days(1500), 1)
    far, near, less = scores(model, [strange_day(feature, 12), strange_day(feature, 0), strange_day(feature, -12)])
    assert far >= THRESHOLD
    assert near < 2
    assert less < THRESHOLD, "whoever does less of what machines do is not strange"
    assert unusual_features(model, strange_day(feature, 12))[0].feature.name == feature


def test_what_stands_out_is_told_in_words() -> None:
    model = train(days(1500), 1)
    (deviation,) = unusual_features(model, strange_day("awake", 10))
    assert deviation.feature.words == "the day without its longest break"
    assert (deviation.value, deviation.usual[-2:]) == ("24.0 h", " h")


def test_the_same_days_and_seed_give_the_same_bytes_and_another_seed_others() -> None:
    many = days(MOST_POINTS + 500)
    assert dump(train(many, 1)) == dump(train(many, 1))
    assert dump(train(many, 1)) != dump(train(many, 2)), "which days are kept of too many is left to chance"
    assert len(train(many, 1).points) == MOST_POINTS


def test_a_stored_model_judges_as_before() -> None:
    model = train(days(LEAST_WINDOWS), 1)
    new_days = days(50, seed=9)
    assert scores(load(*dump(model)), new_days) == scores(model, new_days)
    assert scores(model, []) == []


def test_the_days_it_learned_from_are_compared_with_the_others_only() -> None:
    model = train([*days(LEAST_WINDOWS), strange_day("in step", 20)], 1)
    own = own_scores(model)
    assert max(own) == own[-1] >= THRESHOLD
    assert scores(model, [strange_day("in step", 20)])[0] < own[-1], "itself, at no distance, is left out"


def test_too_little_to_learn_from_is_said() -> None:
    with pytest.raises(ValueError, match="999 days of play are too few to learn from: 1000 are needed"):
        train(days(LEAST_WINDOWS - 1), 1)


def test_a_damaged_model_is_not_read() -> None:
    stored, digest = dump(train(days(LEAST_WINDOWS), 1))
    with pytest.raises(DamagedModel, match="not the one that was trained"):
        load(stored[:-1] + b"x", digest)
    for broken in (b"", stored[:100], b"\x80\x04cos\nsystem\n."):
        with pytest.raises(DamagedModel, match="can't be read"):
            load(broken, hashlib.sha256(broken).hexdigest())
