from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from anticheat.history import Completion
from anticheat.rules import ActionTypeLimits
from anticheat.suspicion import Suspicion, decayed
from anticheat.verdict import judge
from tests.unit.anticheat.plays import FREE, THRESHOLDS, one_by_one, verdicts

KINDS = st.sampled_from(["tap", "quick-match", "puzzle"])
# Multiples of 1/1024 s, so that shifting and halving times is exact.
TICKS = st.integers(0, 1024 * 900).map(lambda ticks: ticks / 1024)
STEPS = st.lists(st.one_of(TICKS, st.sampled_from([0.0, 0.125, 1.0, 3.0])), min_size=1, max_size=60)
LIMITS = st.builds(
    ActionTypeLimits,
    min_seconds=st.sampled_from([0.0, 0.5, 3.0, 20.0]),
    burst=st.none() | st.integers(0, 60),
    per_minute=st.none() | st.integers(1, 60),
)
VALUES = st.floats(0, 1e6)
MOMENTS = st.floats(0, 4e9)


@st.composite
def plays(draw: st.DrawFn) -> list[Completion]:
    play = one_by_one(draw(STEPS))
    return [replace(completion, action_type=draw(KINDS)) for completion in play]


def steady(count: int, tick: int, wobble: list[int]) -> list[Completion]:
    return one_by_one([(tick + extra) / 1024 for _, extra in zip(range(count), wobble, strict=False)])


def added(play: list[Completion], limits: ActionTypeLimits) -> float:
    """Return the suspicion that the last completion of a play adds."""
    verdict = judge(play[-1], limits, play[-2::-1], Suspicion(0, 0), THRESHOLDS)
    return verdict.suspicion.value


def scaled(play: list[Completion], factor: float) -> list[Completion]:
    return [
        replace(completion, issued_at=completion.issued_at * factor, completed_at=completion.completed_at * factor)
        for completion in play
    ]


@given(VALUES, MOMENTS, MOMENTS, st.floats(1e-3, 1e6))
def test_decayed_suspicion_is_never_negative_and_never_more(
    value: float, at: float, now: float, half_life: float
) -> None:
    assert 0 <= decayed(Suspicion(value, at), now, half_life) <= value


@given(VALUES, MOMENTS, MOMENTS, MOMENTS)
def test_suspicion_only_shrinks_with_time(value: float, at: float, first: float, second: float) -> None:
    sooner, later = sorted([first, second])
    suspicion = Suspicion(value, at)
    assert decayed(suspicion, later, 1800) <= decayed(suspicion, sooner, 1800)


@given(plays(), LIMITS)
def test_a_redemption_never_lowers_what_is_left(play: list[Completion], limits: ActionTypeLimits) -> None:
    before = Suspicion(0, 0)
    for verdict in verdicts(play, limits):
        assert verdict.suspicion.value >= decayed(before, verdict.suspicion.at, THRESHOLDS.half_life)
        assert all(signal.added > 0 for signal in verdict.signals)
        before = verdict.suspicion


@given(plays(), LIMITS, st.integers(0, 2_000_000_000))
def test_the_date_does_not_matter(play: list[Completion], limits: ActionTypeLimits, shift: int) -> None:
    shifted = [
        replace(completion, issued_at=completion.issued_at + shift, completed_at=completion.completed_at + shift)
        for completion in play
    ]
    assert added(shifted, limits) == added(play, limits)


@given(plays(), LIMITS, st.randoms())
def test_the_order_in_which_the_history_is_given_does_not_matter(
    play: list[Completion], limits: ActionTypeLimits, chance: st.DataObject
) -> None:
    mixed = play[:-1]
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert added([*mixed, play[-1]], limits) == added(play, limits)


@given(plays(), LIMITS)
@example(one_by_one([5.0] * 9), ActionTypeLimits(0.0, burst=1, per_minute=1))  # a small burst in a full minute
def test_playing_twice_as_fast_never_adds_less(play: list[Completion], limits: ActionTypeLimits) -> None:
    assert added(scaled(play, 0.5), limits) >= added(play, limits)


@given(st.integers(13, 50), st.integers(1, 5000), st.lists(st.integers(0, 30), min_size=50, max_size=50))
def test_a_steady_play_twice_as_fast_never_adds_less(count: int, tick: int, wobble: list[int]) -> None:
    play = steady(count, tick, wobble)
    assert added(scaled(play, 0.5), FREE) >= added(play, FREE)


@given(plays(), LIMITS, TICKS)
def test_what_is_older_than_everything_else_by_a_pause_adds_nothing(
    play: list[Completion], limits: ActionTypeLimits, age: float
) -> None:
    long_ago = [Completion("tap", -7200 - age - n, -7200 - age - n) for n in range(20)][::-1]
    assert added([*long_ago, *play], limits) == added(play, limits)


@given(TICKS, TICKS, st.sampled_from([0.5, 3.0, 20.0]))
def test_the_sooner_an_action_is_completed_the_more_it_adds(first: float, second: float, least: float) -> None:
    sooner, later = (
        added([Completion("puzzle", 0, moment)], ActionTypeLimits(least)) for moment in sorted([first, second])
    )
    assert sooner >= later
