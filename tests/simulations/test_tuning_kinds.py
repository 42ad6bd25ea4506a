"""The simulated players for tuning: they can be repeated, and they keep the rules of the game."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest

from anticheat.history import Completion
from bench.fairness.clients import MOST_OPEN, PER_MINUTE, Client, Line, settled
from bench.fairness.tuning_kinds import CHEATS, HONEST
from bench.fairness.world import ACTIONS, MIDNIGHT, WEEK, Account, Kind

CLOCK_STEPS = {"clock steps"}  # here the server's own times go back
NO_MINIMUM = {"completes before the countdown's end"}
KINDS = {kind.name: kind for kind in (*HONEST, *CHEATS)}
SMALL = ("casual", "quiz night", "stalled taps", "trickle, day and night")


def drawn(kind: Kind, number: int = 0) -> Sequence[Account]:
    return kind.accounts(random.Random(f"test/{kind.name}/{number}"))


def most_open(plays: Sequence[Completion]) -> int:
    changes = sorted([(play.issued_at, 1) for play in plays] + [(play.completed_at, -1) for play in plays])
    count = most = 0
    for _, change in changes:
        count += change
        most = max(most, count)
    return most


def overlaps_too_soon(earlier: Completion, later: Completion) -> bool:
    least = 0.99 * ACTIONS[later.action_type].limits.min_seconds
    return earlier.completed_at > later.issued_at and later.completed_at - earlier.completed_at < least


@pytest.mark.parametrize("name", KINDS)
def test_plays_are_within_the_rules_of_the_game(name: str) -> None:
    accounts = drawn(KINDS[name])
    assert accounts
    for account in accounts[:4]:
        plays = account.plays
        assert all(play.issued_at >= MIDNIGHT - 3700 and play.completed_at < MIDNIGHT + WEEK for play in plays)
        assert all(play.action_type in ACTIONS for play in plays)
        if name in CLOCK_STEPS:
            continue
        assert all(play.issued_at <= play.completed_at for play in plays)
        assert all(earlier.completed_at <= later.completed_at for earlier, later in pairwise(plays))
        assert not plays or account.registered_at <= plays[0].issued_at
        assert max(Counter(play.completed_at // 60 for play in plays).values(), default=0) <= PER_MINUTE
        assert max(Counter(play.issued_at // 60 for play in plays).values(), default=0) <= PER_MINUTE
        assert most_open(plays) <= MOST_OPEN
        assert not any(overlaps_too_soon(earlier, later) for earlier, later in pairwise(plays))
        if name not in NO_MINIMUM:
            least = {action: definition.limits.min_seconds for action, definition in ACTIONS.items()}
            assert all(play.completed_at - play.issued_at >= least[play.action_type] for play in plays)


@pytest.mark.parametrize("name", SMALL)
def test_a_kind_is_repeated_by_its_seed(name: str) -> None:
    assert drawn(KINDS[name], 1) == drawn(KINDS[name], 1)
    assert drawn(KINDS[name], 1) != drawn(KINDS[name], 2)


def test_the_mainstream_has_shares_and_names_are_unique() -> None:
    assert sum(kind.share for kind in HONEST) == pytest.approx(1.0)
    assert all(kind.is_unusual == (kind.share == 0) for kind in HONEST)
    assert len(KINDS) == len(HONEST) + len(CHEATS)
    assert all(kind.is_honest for kind in HONEST)
    assert not any(kind.is_honest for kind in CHEATS)


def test_a_client_waits_for_the_next_minute_when_the_limit_is_reached() -> None:
    client, now = Client(random.Random(1), Line(0.01, 0.001)), 600.0
    for _ in range(PER_MINUTE + 1):
        now = client.act("tap", now, 0.05)
    assert client.plays[PER_MINUTE - 1].completed_at < 660
    assert client.plays[PER_MINUTE].issued_at >= 660


def test_what_overlaps_is_sent_again_after_the_wait() -> None:
    wishes = [Completion("puzzle", 100.0 + number, 110.0 + number) for number in range(3)]
    times = [play.completed_at for play in settled(wishes, random.Random(1))]
    assert times[0] == 110.0
    assert all(8.0 <= later - earlier < 8.5 for earlier, later in pairwise(times))


def test_no_more_than_ten_are_open() -> None:
    wishes = [Completion("puzzle", 100.0 + number / 10, 200.0) for number in range(30)]
    assert most_open(settled(wishes, random.Random(1))) <= MOST_OPEN
