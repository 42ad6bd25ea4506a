"""The features of a day and a week of play."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from anticheat.features import DAY, FEATURES, LEAST_PLAYS, WEEK, Profile, Reference, reference_of
from anticheat.history import Completion
from anticheat.plays import Plays, plausible_growth
from anticheat.rules import ActionTypeLimits

MONDAY = 1_799_971_200.0
"""A midnight in UTC."""
HOUR = 3600.0
LIMITS = {
    "tap": ActionTypeLimits(0.0),
    "match": ActionTypeLimits(3.0),
    "song": ActionTypeLimits(15.0, cadence="client"),
}


def plays_at(times: Sequence[float], seconds: float = 0.5, kind: str = "tap") -> Plays:
    """Return completions at these seconds after MONDAY, each issued `seconds` before."""
    completions = [Completion(kind, MONDAY + time - seconds, MONDAY + time) for time in times]
    return Plays.of(completions, LIMITS, {"tap": 1.0, "match": 10.0, "song": 60.0})


def uneven(count: int, begin: float, seed: int = 1, middle: float = 4.0) -> list[float]:
    """Return so many times, with lognormal intervals between them."""
    rng, now, times = random.Random(seed), begin, []
    for _ in range(count):
        now += middle * math.exp(rng.gauss(0, 0.3))
        times.append(now)
    return times


def by_name(plays: Plays, until: float, reference: Reference | None = None) -> dict[str, float]:
    """Return the features up to so many seconds after MONDAY."""
    values = Profile(plays, reference or reference_of([plays])).vector(MONDAY + until)
    assert values is not None
    return dict(zip((feature.name for feature in FEATURES), values.tolist(), strict=True))


def hours(value: float) -> float:
    return value**3


def test_too_few_plays_say_nothing() -> None:
    few, enough = plays_at(uneven(LEAST_PLAYS - 1, 0)), plays_at(uneven(LEAST_PLAYS, 0))
    assert Profile(few, reference_of([few])).vector(MONDAY + DAY) is None
    values = by_name(enough, DAY)
    assert not math.isnan(values["hours"])
    assert math.isnan(values["forgetful"]), "a few intervals have no rhythm"
    assert math.isnan(values["punctual"]), "nor has a day a routine"


def test_few_plays_a_day_count_in_the_week() -> None:
    values = by_name(plays_at([time for day in range(5) for time in uneven(20, day * DAY + 18 * HOUR)]), WEEK)
    assert math.isnan(values["hours"])
    assert hours(values["hours in a week"]) == pytest.approx(5 * 20 * 4 / 3600, rel=0.2)


def test_a_night_counts_whole_wherever_midnight_lies() -> None:
    """The player sleeps from 20:00 to 4:00 UTC, as people elsewhere do."""
    times = [day * DAY + 4 * HOUR + step * 600 for day in range(6) for step in range(6 * 16)]
    for until in (5.5 * DAY, 5.9 * DAY, 6 * DAY):
        assert hours(by_name(plays_at(times), until)["awake"]) == pytest.approx(16, abs=0.3)
    sleepless = plays_at([step * 600.0 for step in range(6 * 24 * 3)])
    assert hours(by_name(sleepless, 3 * DAY)["awake"]) > 71
    assert by_name(sleepless, 3 * DAY)["no night"] == pytest.approx(1, abs=0.05)
    assert by_name(plays_at(times), 6 * DAY)["no night"] == 0


def test_a_client_that_sets_the_pace_says_nothing_about_hours_or_rhythm_but_its_points_count() -> None:
    values = by_name(plays_at([step * 300.0 for step in range(288)], kind="song"), DAY)
    assert 2 ** values["points"] == pytest.approx(288 * 60 + 1)
    assert [name for name, value in values.items() if not math.isnan(value)] == ["points", "points in a week"]


def test_a_reaction_is_timed_from_the_later_of_the_own_issue_and_the_previous_completion() -> None:
    slow = plays_at([4.0 * step for step in range(1, 100)], seconds=3.5, kind="match")
    assert by_name(slow, DAY)["prompt"] == 0.0, "half a second after the minimum"
    prompt = plays_at([4.0 * step for step in range(1, 100)], seconds=3.05, kind="match")
    assert by_name(prompt, DAY)["prompt"] == 1.0
    waiting = plays_at([0.05 * step for step in range(1, 100)], seconds=30.0)
    assert by_name(waiting, DAY)["prompt"] > 0.9, "opened long ago, and completed at once after the last one"


def test_a_clock_that_was_set_back_makes_nobody_look_faster() -> None:
    usual = [12 * HOUR + 10.0 * step for step in range(361)]
    reference = reference_of([plays_at(usual)])
    set_back = [*usual[:180], *(time - 1790 for time in usual[180:])]
    plays = Plays(
        ["tap"] * len(set_back),
        np.array(set_back) + MONDAY - 0.5,
        np.array(set_back) + MONDAY,
        np.zeros(len(set_back)),
        np.ones(len(set_back), dtype=np.bool_),
        np.ones(len(set_back)),
    )
    assert by_name(plays, DAY, reference)["pace"] < by_name(plays_at(usual), DAY, reference)["pace"] + 0.1


def test_quick_and_pace_compare_with_what_is_usual_for_each_action_type() -> None:
    others = [plays_at(uneven(100, 0, seed), seconds=2.0) for seed in range(20)]
    reference = reference_of([*others, plays_at(uneven(2000, 0, 50, 0.6), seconds=0.4)])
    assert reference.quick["tap"] == pytest.approx(2.0, abs=0.01), "each account counts once, a busy one too"
    quick = by_name(plays_at(uneven(100, 0, 50, 2.0), seconds=0.4), DAY, reference)
    assert quick["quick"] == 1.0
    assert quick["pace"] == pytest.approx(1.0, abs=0.2)
    assert by_name(plays_at(uneven(100, 0, 50), kind="match"), DAY, reference)["quick"] == 0.0, "never seen before"


def _moody(rng: random.Random, mood: float) -> tuple[float, float]:
    mood = 0.98 * mood + rng.gauss(0, 0.1)
    return mood, 4 * math.exp(mood + rng.gauss(0, 0.3)) + (rng.uniform(5, 60) if rng.random() < 0.08 else 0)


def _person(seed: int = 1, count: int = 1500) -> list[float]:
    rng, now, mood, times = random.Random(seed), 0.0, 0.0, []
    for _ in range(count):
        mood, seconds = _moody(rng, mood)
        now += seconds
        times.append(now)
    return times


def _drawn(draw: Callable[[random.Random], float]) -> list[float]:
    rng = random.Random(3)
    return list(itertools.accumulate(draw(rng) for _ in range(1500)))


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.uniform(2, 6),
        lambda rng: rng.lognormvariate(1.4, 0.3),
        lambda rng: 1 + rng.expovariate(1 / 3),
        lambda rng: rng.gammavariate(4, 1),
    ],
    ids=["uniform", "lognormal", "exponential", "gamma"],
)
def test_a_generator_forgets_and_a_person_has_moods(draw: Callable[[random.Random], float]) -> None:
    person = by_name(plays_at(_person()), DAY)["forgetful"]
    assert by_name(plays_at(_drawn(draw)), DAY)["forgetful"] > person + 1
    few = by_name(plays_at(_drawn(draw)[:150]), DAY)["forgetful"]
    assert few < by_name(plays_at(_drawn(draw)), DAY)["forgetful"] - 0.5, "few intervals may be forgetful by chance"


def test_people_look_away_and_their_long_delays_are_longer() -> None:
    person, machine = by_name(plays_at(_person()), DAY), by_name(plays_at(_drawn(lambda rng: rng.uniform(3, 4))), DAY)
    for name in ("unhesitating", "symmetric", "steady"):
        assert machine[name] > person[name] + 0.2, name


def test_what_is_played_over_and_over_is_a_repeat_and_with_noise_an_echo() -> None:
    once = _person(4, 200)
    replayed = [time + repetition * (once[-1] + 5) for repetition in range(4) for time in once]
    assert by_name(plays_at(replayed), DAY)["repeats"] == pytest.approx(0.75, abs=0.05)
    rng = random.Random(5)
    noisy = by_name(plays_at(sorted(time + rng.gauss(0, 0.2) for time in replayed)), DAY)
    person = by_name(plays_at(_person(6, 800)), DAY)
    assert noisy["repeats"] == 0.0 == person["repeats"]
    assert noisy["echo"] > person["echo"] + 1


def test_a_schedule_begins_and_ends_by_the_clock() -> None:
    rng = random.Random(7)
    schedule = [day * DAY + 9 * HOUR + step * 5.0 for day in range(6) for step in range(400)]
    person = [
        time for day in range(6) for time in uneven(rng.randint(50, 600), day * DAY + rng.uniform(8, 20) * HOUR, day)
    ]
    machine_values, values = by_name(plays_at(schedule), WEEK), by_name(plays_at(person), WEEK)
    for name in ("punctual", "same sessions", "same days"):
        assert machine_values[name] > values[name] + 1, name


def test_two_alike_by_chance_are_less_than_many_alike() -> None:
    assert plausible_growth(3) > 10 > plausible_growth(10) > plausible_growth(100) > 1.2
