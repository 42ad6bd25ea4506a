"""The simulation of docs/anticheat.md, in small: the figures there come from `python -m bench.fairness.hours`."""

import pytest

from bench.fairness.hours import ATTEMPTS, detection, fairness
from bench.fairness.intervals import of_share
from bench.fairness.players import CHEATING, HONEST

WITHOUT_GAIN = "ten opened, one wait"
STEADY_ENOUGH_TO_ESCAPE = {"clockwork, normal noise 10 ms", "script that waits at random"}
EARLY_AS_A_NETWORK_MAKES_IT = "too fast: 90% of the wait"
EVEN_AS_A_HELD_KEY = "clockwork taps, 1 a second"
IN_A_CASE_AT_MOST = {EARLY_AS_A_NETWORK_MAKES_IT, EVEN_AS_A_HELD_KEY}


@pytest.mark.parametrize("kind", HONEST)
def test_an_honest_player_is_never_flagged(kind: str) -> None:
    hours = fairness(kind, HONEST[kind], seed=7, hours=2)
    assert hours.redemptions > 100
    assert (hours.flagged, hours.suspended) == (0, 0)


@pytest.mark.parametrize("kind", sorted(CHEATING.keys() - STEADY_ENOUGH_TO_ESCAPE - IN_A_CASE_AT_MOST - {WITHOUT_GAIN}))
def test_a_simple_cheat_is_always_suspended(kind: str) -> None:
    cheats = detection(kind, CHEATING[kind], seed=7)
    assert cheats.suspended == cheats.players


def test_being_early_by_a_tenth_opens_a_case_within_minutes() -> None:
    cheats = detection(EARLY_AS_A_NETWORK_MAKES_IT, CHEATING[EARLY_AS_A_NETWORK_MAKES_IT], seed=7)
    assert cheats.flagged > 0.8 * cheats.players
    assert cheats.suspended == 0


def test_opening_ten_and_waiting_once_earns_one() -> None:
    cheats = detection(WITHOUT_GAIN, CHEATING[WITHOUT_GAIN], seed=7)
    assert cheats.scored_mean <= ATTEMPTS / 10


def test_a_simulation_can_be_repeated() -> None:
    assert fairness("regular", HONEST["regular"], 3, 1) == fairness("regular", HONEST["regular"], 3, 1)


def test_none_of_sixty_is_not_zero() -> None:
    low, high = of_share(0, 60)
    assert low == 0
    assert high == pytest.approx(0.0602, abs=1e-4)
    assert of_share(30, 60) == pytest.approx((0.3773, 0.6227), abs=1e-4)
