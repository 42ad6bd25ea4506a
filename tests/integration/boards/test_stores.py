"""The promises of the stores, on real servers: a claim has one holder, and a board never goes back."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anticheat.rules import ActionTypeLimits
from app.containers.container import Container
from app.domain.action_token import Promise, digest_of, sign
from app.domain.boards import MAIN, Season
from app.setting_types import SecretKey
from app.stores.boards.cached_lists import CachedTop
from app.stores.play.action_claims import Claim, Claimed, Consumed, Unclaimed
from tests.parts.kinds import ON_BOTH

pytestmark = ON_BOTH

LIMITS = ActionTypeLimits(0, None, None)
KEY = SecretKey("k1", "a secret of some length")


def _season(container: Container) -> Season:
    season = container.catalog.open_season(MAIN)
    assert season is not None
    return season


def _promise(container: Container, player: str, *, lives_ms: int = 60_000) -> Promise:
    season, now = _season(container), int(time.time() * 1000)
    number = season.number
    return Promise(str(uuid4()), player, "tap", 1, 1, MAIN, season.id, number, now, now + lives_ms)


def _digest(promise: Promise) -> str:
    return digest_of(sign(promise, KEY))


def _issue(container: Container, promise: Promise, *, most: int = 10) -> str:
    return container.action_claims.issue(promise, _digest(promise), LIMITS, most=most)


def _claim(container: Container, promise: Promise, *, later_ms: int = 0, genuine: bool = True, key: str = "") -> Claim:
    return container.action_claims.claim(
        promise.player_id,
        promise.action_id,
        _digest(promise) if genuine else "",
        now_ms=promise.issued_ms + later_ms,
        key=key or None,
        fingerprint=promise.action_id if key else "",
    )


@pytest.fixture
def issued(container: Container) -> Promise:
    """Return an action that has just been issued."""
    promise = _promise(container, str(uuid4()))
    _issue(container, promise)
    return promise


def test_a_claim_has_one_holder_until_it_is_released(container: Container, issued: Promise) -> None:
    assert isinstance(_claim(container, issued), Claimed)
    assert _claim(container, issued) is Unclaimed.IN_FLIGHT
    container.action_claims.release(issued)
    assert isinstance(_claim(container, issued), Claimed)


def test_a_claim_ends_by_itself(container: Container, issued: Promise) -> None:
    lease = container.settings.claim_seconds * 1000
    assert isinstance(_claim(container, issued), Claimed)
    assert _claim(container, issued, later_ms=lease - 1) is Unclaimed.IN_FLIGHT
    assert isinstance(_claim(container, issued, later_ms=lease), Claimed)


def test_fifty_claims_at_once_have_one_holder(workers: list[Container], issued: Promise) -> None:
    with ThreadPoolExecutor(50) as pool:
        tries = [pool.submit(_claim, workers[number % len(workers)], issued) for number in range(50)]
        claims = [task.result() for task in tries]
    assert sum(isinstance(claim, Claimed) for claim in claims) == 1
    assert claims.count(Unclaimed.IN_FLIGHT) == 49


def test_a_claim_tells_the_ways_to_fail_apart(container: Container, issued: Promise) -> None:
    unknown = _promise(container, issued.player_id)
    assert _claim(container, unknown) is Unclaimed.MISSING
    assert _claim(container, unknown, genuine=False) is Unclaimed.MISSING
    assert _claim(container, issued, genuine=False) is Unclaimed.FORGED
    assert _claim(container, issued, later_ms=60_000) is Unclaimed.MISSING
    assert isinstance(_claim(container, issued), Claimed)
    container.scripts.run(*container.action_claims.settle_call(issued.player_id, issued.action_id, "consumed"))
    assert isinstance(_claim(container, issued), Consumed)
    assert isinstance(_claim(container, issued, later_ms=60_000), Consumed), "remembered beyond its expiry"


def test_only_what_was_issued_can_be_claimed(container: Container, issued: Promise) -> None:
    for name in [field.name for field in fields(Promise)][2:]:  # without the ids, since those name another action
        value = getattr(issued, name)
        changed: dict[str, Any] = {name: value + 1 if isinstance(value, int) else "another"}
        assert _claim(container, replace(issued, **changed)) is Unclaimed.FORGED, name
    assert isinstance(_claim(container, issued), Claimed)


def test_an_action_of_the_version_before_can_be_claimed(container: Container, issued: Promise) -> None:
    container.redis.hdel(f"action:{{{issued.player_id}}}:{issued.action_id}", "promise")
    assert isinstance(_claim(container, issued), Claimed)


def test_a_key_belongs_to_one_action(container: Container, issued: Promise) -> None:
    second_action = _promise(container, issued.player_id)
    _issue(container, second_action)
    assert isinstance(_claim(container, issued, key="k"), Claimed)
    assert _claim(container, second_action, key="k") is Unclaimed.REUSED
    assert isinstance(_claim(container, second_action), Claimed)


def test_no_more_are_issued_than_may_be_held(container: Container) -> None:
    player = str(uuid4())
    words = [_issue(container, _promise(container, player), most=3) for _ in range(4)]
    assert "too_many" not in words[:3]
    assert words[3] == "too_many"


def test_expired_ones_make_room(container: Container) -> None:
    player = str(uuid4())
    short = [_promise(container, player, lives_ms=1) for _ in range(3)]
    for promise in short:
        _issue(container, promise, most=3)
    time.sleep(0.005)
    assert _issue(container, _promise(container, player), most=3) != "too_many"


CHANGES = st.permutations(range(1, 7))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=CHANGES, removed=st.integers(0, 6))
def test_standings_in_any_order_leave_the_newest(container: Container, order: list[int], removed: int) -> None:
    """Apply change number n with score 10 n, except that change `removed` takes the player off the board."""
    player, season = uuid4(), _season(container)
    for change in order:
        score = None if change == removed else 10 * change
        container.rankings.apply(season, [(str(player), score, change)])
    assert container.rankings.scores_of(season, [player]) == [None if removed == 6 else 60]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(versions=CHANGES)
def test_top_lists_in_any_order_leave_the_newest(container: Container, versions: list[int]) -> None:
    container.redis.flushdb()
    season = _season(container)
    for version in versions:
        at = f"{version:024x}"
        container.rankings.put_top(season, 10, CachedTop(version, 0, 0, f"[{version}]"), at, at)
    cached, _ = container.rankings.top(season, 10)
    assert cached == CachedTop(6, 0, 0, "[6]")


def test_a_list_that_another_may_have_seen_more_than_is_refused(container: Container) -> None:
    season = _season(container)

    def put(version: int, after: int, until: int, refusal: str = "") -> str:
        top = CachedTop(version, 0, 0, f"[{version}]")
        return container.rankings.put_top(season, 10, top, f"{after:024x}", f"{until:024x}", refusal)

    assert put(1, after=100, until=200) == ""
    refusal = put(2, after=150, until=160)
    assert refusal
    assert put(3, after=200, until=300, refusal=refusal) == ""
    refusal = put(4, after=250, until=260)
    assert put(5, after=260, until=270, refusal=refusal) == "", "what stands there is of another life of the database"
    assert container.rankings.top(season, 10)[0] == CachedTop(5, 0, 0, "[5]")


def test_one_rebuilds_a_list_while_others_wait(container: Container) -> None:
    season = _season(container)
    leases = [container.rankings.build_lease(season, 10) for _ in range(3)]
    assert [lease.hold() for lease in leases] == [True, False, False]
    leases[0].release()
    assert container.rankings.build_lease(season, 10).hold()


def test_no_rank_is_read_from_a_sorted_set_that_is_not_complete(container: Container) -> None:
    season = _season(container)
    container.rankings.clear(season)
    container.rankings.apply(season, [(str(uuid4()), 5, 1)])
    assert container.rankings.ranks(season, [5]) is None
    container.board_sync.rebuild(season)
    assert container.rankings.ranks(season, [5]) == [1]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scores=st.lists(st.integers(1, 5), min_size=1, max_size=12))
def test_ranks_are_competition_ranks(container: Container, scores: list[int]) -> None:
    container.redis.flushdb()
    season = _season(container)
    container.rankings.mark_ready(season, container.rankings.begin_rebuild(season))
    container.rankings.apply(season, [(str(uuid4()), score, 1) for score in scores])
    assert container.rankings.ranks(season, scores) == [1 + sum(rival > score for rival in scores) for score in scores]
