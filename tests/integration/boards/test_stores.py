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
from app.stores.boards.top_list_store import NewTop
from app.stores.play.action_claims import ActionClaimStore
from app.stores.play.claim_results import Claim, Claimed, Consumed, Forged, Unclaimed
from app.stores.redis.clock_steps import ClockSteps
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


def _claims_at(container: Container, now_ms: int) -> ActionClaimStore:
    lease_ms, consumed = container.settings.claim_seconds * 1000, container.settings.consumed_seconds
    return ActionClaimStore(
        container.redis,
        container.scripts,
        lease_ms=lease_ms,
        consumed_seconds=consumed,
        clock=lambda: now_ms / 1000,
    )


def _issue(container: Container, promise: Promise, *, most: int = 10) -> str:
    claims = _claims_at(container, promise.issued_ms)
    return claims.issue(promise, _digest(promise), LIMITS, most=most).outcome


def _claim(container: Container, promise: Promise, *, later_ms: int = 0, genuine: bool = True, key: str = "") -> Claim:
    return _claims_at(container, promise.issued_ms + later_ms).claim(
        promise.player_id,
        promise.action_id,
        _digest(promise) if genuine else "",
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
    container.action_claims.release(issued, key=None)
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
    assert isinstance(_claim(container, issued, genuine=False), Forged)
    assert _claim(container, issued, later_ms=60_000) is Unclaimed.MISSING
    assert isinstance(_claim(container, issued), Claimed)
    container.scripts.run(*container.action_claims.settle_call(issued.player_id, issued.action_id, "consumed"))
    assert isinstance(_claim(container, issued), Consumed)
    assert isinstance(_claim(container, issued, later_ms=60_000), Consumed), "remembered beyond its expiry"


def test_only_what_was_issued_can_be_claimed(container: Container, issued: Promise) -> None:
    for name in [field.name for field in fields(Promise)][2:]:  # without the ids, since those name another action
        value = getattr(issued, name)
        changed: dict[str, Any] = {name: value + 1 if isinstance(value, int) else "another"}
        assert isinstance(_claim(container, replace(issued, **changed)), Forged), name
    assert isinstance(_claim(container, issued), Claimed)


def test_an_action_of_the_version_before_can_be_claimed(container: Container, issued: Promise) -> None:
    container.redis.hdel(f"action:{{{issued.player_id}}}:{issued.action_id}", "promise")
    assert isinstance(_claim(container, issued), Claimed)


def test_one_clock_times_issue_and_completion_whatever_the_servers_say(container: Container) -> None:
    """The promise is of a server whose clock is an hour ahead; the times that count are those of Redis."""
    promise = _promise(container, str(uuid4()))
    ahead = replace(promise, issued_ms=promise.issued_ms + 3_600_000, expires_ms=promise.expires_ms + 3_600_000)
    claims = container.action_claims
    before = time.time() * 1000 - 5
    issue = claims.issue(ahead, _digest(ahead), LIMITS, most=10)
    assert before <= issue.issued_ms <= time.time() * 1000 + 5
    assert issue.expires_ms - issue.issued_ms == ahead.expires_ms - ahead.issued_ms
    claim = claims.claim(ahead.player_id, ahead.action_id, _digest(ahead), key=None, fingerprint="")
    assert isinstance(claim, Claimed)
    assert claim.issued_ms == issue.issued_ms <= claim.at_ms <= time.time() * 1000 + 5


def test_forged_and_used_tokens_have_the_same_clock_as_completions(container: Container, issued: Promise) -> None:
    forged = _claim(container, issued, later_ms=1000, genuine=False)
    assert forged == Forged(issued.issued_ms + 1000)
    assert isinstance(_claim(container, issued, later_ms=1000), Claimed)
    container.scripts.run(*container.action_claims.settle_call(issued.player_id, issued.action_id, "consumed"))
    assert [_claim(container, issued, later_ms=later) for later in (2000, 3000)] == [
        Consumed(issued.issued_ms + 2000, replays=1),
        Consumed(issued.issued_ms + 3000, replays=2),
    ]


def test_a_request_that_left_no_trace_leaves_its_key_free(container: Container, issued: Promise) -> None:
    other = _promise(container, issued.player_id)
    _issue(container, other)
    assert isinstance(_claim(container, issued, key="k"), Claimed)
    container.action_claims.release(issued, key=None)
    assert _claim(container, other, key="k") is Unclaimed.REUSED, "after an outage the key tells the outcome"
    container.action_claims.release(issued, key="k")
    assert isinstance(_claim(container, other, key="k"), Claimed)


@pytest.mark.parametrize(
    "limits",
    [
        ActionTypeLimits(0.0),
        ActionTypeLimits(3.5, 5, 60, steadiest_hand=0.0, min_is_fact=False, cadence="client", parallel=3),
    ],
)
def test_a_claim_has_the_limits_that_were_issued(container: Container, limits: ActionTypeLimits) -> None:
    promise = _promise(container, str(uuid4()))
    container.action_claims.issue(promise, _digest(promise), limits, most=10)
    claim = _claim(container, promise)
    assert isinstance(claim, Claimed)
    assert claim.limits == limits


def test_an_action_of_the_version_before_has_the_usual_nature(container: Container, issued: Promise) -> None:
    container.redis.hdel(f"action:{{{issued.player_id}}}:{issued.action_id}", "nature")
    claim = _claim(container, issued)
    assert isinstance(claim, Claimed)
    assert claim.limits == LIMITS


def test_a_step_back_of_the_clock_while_a_player_waits_is_noticed(container: Container) -> None:
    """To this process, a clock that is set back by 5 s is one that has gained nothing in 5 s."""
    boot = [1000.0]
    claims = ActionClaimStore(
        container.redis, container.scripts, lease_ms=1, consumed_seconds=60, steps=ClockSteps(lambda: boot[0])
    )
    promises = [_promise(container, "00000000-0000-4000-8000-000000000000") for _ in range(2)]

    def is_measurable(promise: Promise) -> bool:
        claim = claims.claim(promise.player_id, promise.action_id, _digest(promise), key=None, fingerprint="")
        assert isinstance(claim, Claimed)
        return not claim.is_unmeasurable

    for promise in promises:
        claims.issue(promise, _digest(promise), LIMITS, most=10)
    assert is_measurable(promises[0])
    boot[0] += 5
    assert not is_measurable(promises[1])


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
        container.rankings.lists.put([NewTop(season, CachedTop(version, 0, 0, f"[{version}]"))], 10, at, at)
    cached, _ = container.rankings.lists.top(season, 10)
    assert cached == CachedTop(6, 0, 0, "[6]")


def test_a_list_that_another_may_have_seen_more_than_is_refused(container: Container) -> None:
    season = _season(container)

    def put(version: int, after: int, until: int, refusal: str = "") -> str:
        top = CachedTop(version, 0, 0, f"[{version}]")
        new = [NewTop(season, top, refusal)]
        return container.rankings.lists.put(new, 10, f"{after:024x}", f"{until:024x}")[0]

    assert put(1, after=100, until=200) == ""
    refusal = put(2, after=150, until=160)
    assert refusal
    assert put(3, after=200, until=300, refusal=refusal) == ""
    refusal = put(4, after=250, until=260)
    assert put(5, after=260, until=270, refusal=refusal) == "", "what stands there is of another life of the database"
    assert container.rankings.lists.top(season, 10)[0] == CachedTop(5, 0, 0, "[5]")


def test_one_rebuilds_a_list_while_others_wait(container: Container) -> None:
    season = _season(container)
    leases = [container.rankings.lists.build_lease(season, 10) for _ in range(3)]
    assert [lease.hold() for lease in leases] == [True, False, False]
    leases[0].release()
    assert container.rankings.lists.build_lease(season, 10).hold()


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
