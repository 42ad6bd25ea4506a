"""The reporting kinds of the fairness report keep to what the server lets through, and to what people can do."""

import random
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import pytest

from bench.fairness.reporting_kinds import CHEATS, HONEST
from bench.fairness.world import ALL_ACTIONS, HOUR, MIDNIGHT, WEEK, Account, Kind

KINDS = HONEST + CHEATS
SLEEPLESS = {"songs all night", "family", "charity marathon", "new parent"}
"""Honest kinds whose account is up at night: several people, a client that plays by itself, a baby."""


def _draw(kind: Kind) -> Sequence[Account]:
    return kind.accounts(random.Random(f"test of {kind.name}"))


_accounts = cache(_draw)


def _named(kinds: Sequence[Kind]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", kinds, ids=[kind.name for kind in kinds])


def _longest_wake(account: Account, pause: float) -> float:
    """Return the longest time of play, in seconds, without so long a pause."""
    longest, start = 0.0, account.plays[0].completed_at
    for play, following in pairwise(account.plays):
        if following.issued_at - play.completed_at >= pause:
            start = following.issued_at
        longest = max(longest, following.completed_at - start)
    return longest


def test_there_are_enough_kinds_with_names_of_their_own() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert sum(kind.is_unusual for kind in HONEST) >= 14
    assert len(CHEATS) >= 22
    assert 3 <= sum(kind.is_naive for kind in CHEATS) <= 4
    assert all(kind.is_honest for kind in HONEST)
    assert not any(kind.is_honest or kind.is_unusual for kind in CHEATS)
    assert all(kind.notes for kind in KINDS)


def test_the_mainstream_shares_sum_to_one() -> None:
    mainstream = [kind for kind in HONEST if not kind.is_unusual]

    assert sum(kind.share for kind in mainstream) == pytest.approx(1.0)
    assert all(kind.share > 0 for kind in mainstream)
    assert not any(kind.share for kind in KINDS if kind not in mainstream)


@_named(KINDS)
def test_the_random_source_alone_decides(kind: Kind) -> None:
    assert _draw(kind) == _accounts(kind)


@_named(HONEST)
def test_no_two_weeks_are_alike(kind: Kind) -> None:
    assert kind.accounts(random.Random("a different seed")) != _accounts(kind)


@_named(KINDS)
def test_plays_are_sorted_and_within_the_week(kind: Kind) -> None:
    for account in _accounts(kind):
        completed = [play.completed_at for play in account.plays]
        assert completed
        assert completed == sorted(completed)
        assert completed[-1] < MIDNIGHT + WEEK
        assert min(play.issued_at for play in account.plays) >= max(MIDNIGHT, account.registered_at)
        assert all(play.issued_at < play.completed_at <= play.issued_at + 600.0 for play in account.plays)
        assert len(account.plays) <= 30_000


@_named(KINDS)
def test_starts_keep_to_the_limits_of_the_server(kind: Kind) -> None:
    for account in _accounts(kind):
        starts = sorted(play.issued_at for play in account.plays)
        assert all(later - start >= 60.0 for start, later in zip(starts, starts[60:], strict=False))
        changes = sorted(
            [(play.issued_at, 1) for play in account.plays] + [(play.completed_at, -1) for play in account.plays]
        )
        open_actions = 0
        for _, change in changes:
            open_actions += change
            assert open_actions <= 10


@_named([kind for kind in KINDS if not kind.is_naive])
def test_no_completion_comes_before_its_minimum(kind: Kind) -> None:
    for account in _accounts(kind):
        newest = MIDNIGHT
        for play in account.plays:
            limits = ALL_ACTIONS[play.action_type].limits
            begin = play.issued_at if limits.parallel > 1 else max(play.issued_at, newest)
            assert play.completed_at - begin >= limits.min_seconds
            newest = play.completed_at


@_named([kind for kind in HONEST if kind.name not in SLEEPLESS])
def test_honest_people_sleep(kind: Kind) -> None:
    for account in _accounts(kind):
        assert _longest_wake(account, 4.0 * HOUR) < 25.0 * HOUR


@_named([kind for kind in HONEST if not kind.is_unusual])
def test_ordinary_weeks_are_of_a_size_that_people_reach(kind: Kind) -> None:
    chance = random.Random(kind.name)
    sizes = sorted(len(account.plays) for _ in range(9) for account in kind.accounts(chance))

    assert 50 <= sizes[len(sizes) // 2] <= 3_000
