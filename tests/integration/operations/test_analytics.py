"""Roll-ups: the same numbers as the ledger, whenever and however often they are computed."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anticheat.rules import Signal
from anticheat.suspicion import Suspicion
from app.containers.container import Container
from app.domain.corrections import Selection
from app.domain.redemption import RedemptionRequest
from app.domain.rollups import GRANULARITIES, Granularity, start_of
from app.errors import Forbidden, InvalidRequest, NotFound
from app.services.operations.analytics import Analytics
from app.services.operations.rollup_rows import RollupQuery, RollupRow
from app.stores.operations.rollups import RollupStore
from tests.integration.moderation.ledgers import EPOCH, Event, HandLedger
from tests.parts.refusals import bad_fields

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TEN = datetime.fromisoformat("2026-01-05T10:00:00Z")
Row = dict[str, Any]


@pytest.fixture
def ledger(container: Container) -> HandLedger:
    return HandLedger(container)


class Clock:
    """The primary's clock, set by the test."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def _analytics(container: Container, clock: Clock) -> Analytics:
    return Analytics(
        container.database,
        container.replicas,
        container.patient_replicas,
        container.catalog,
        RollupStore(),
        clock=clock,
    )


@pytest.fixture
def analytics(container: Container) -> Analytics:
    """Return analytics four days later."""
    return _analytics(container, Clock(TEN + 4 * DAY))


def _rows(
    analytics: Analytics, by: Granularity, since: datetime, until: datetime, slug: str | None = None
) -> list[RollupRow]:
    return analytics.show(RollupQuery("main", by, since, until, slug))


def _stored_rollups(container: Container) -> list[Row]:
    """Return all roll-ups, without the times at which they were computed."""
    rows = container.database.rows("SELECT * FROM rollups ORDER BY granularity, starts_at, season_id, action_type_id")
    return [{name: value for name, value in row._mapping.items() if name != "computed_at"} for row in rows]


def test_an_hour_says_what_was_redeemed_by_whom_and_how_fast(analytics: Analytics, ledger: HandLedger) -> None:
    anna, ben = ledger.player(), ledger.player()
    for number, seconds in enumerate((1.0, 2.0, 3.0, 10.0)):
        at = TEN + timedelta(minutes=number)
        ledger.write(Event(anna if number else ben, "puzzle", at, points=25, seconds=seconds))
    ledger.write(Event(anna, "tap", TEN + timedelta(minutes=59), points=1, seconds=0.5))
    ledger.write(Event(anna, "tap", TEN + HOUR))
    ledger.refuse(ben, "puzzle", TEN)
    ledger.refuse(ben, "puzzle", TEN, reason="pattern")
    analytics.roll_up()
    total, puzzle, tap = _rows(analytics, "hour", TEN, TEN + HOUR)
    assert [row["action_type"] for row in (total, puzzle, tap)] == [None, "puzzle", "tap"]
    assert (total["redemptions"], total["points"], total["players"]) == (5, 101, 2), "a player counts once"
    assert (puzzle["redemptions"], puzzle["points"], puzzle["players"]) == (4, 100, 2)
    assert puzzle["completion_seconds"] == {"median": 2.5, "p95": pytest.approx(8.95)}
    assert puzzle["refusals"] == total["refusals"] == {"timing": 1, "pattern": 1}
    assert (tap["redemptions"], tap["refusals"]) == (1, {})
    assert (tap["from"], tap["to"]) == ("2026-01-05T10:00:00.000Z", "2026-01-05T11:00:00.000Z")
    assert total["complete"]
    (day,) = _rows(analytics, "day", TEN - HOUR * 10, TEN, "tap")
    assert (day["from"], day["redemptions"]) == ("2026-01-05T00:00:00.000Z", 2)


def test_what_was_voided_counts_as_that_in_the_hour_it_was_redeemed_in_and_final_hours_follow(
    container: Container, analytics: Analytics, ledger: HandLedger
) -> None:
    anna, ben = ledger.player(), ledger.player()
    for player in (anna, ben):
        container.database.rows(
            "INSERT INTO standings VALUES (:season, :player, 0, 1, now()) RETURNING score",
            season=ledger.season,
            player=player,
        )
    ledger.write(Event(anna, "tap", TEN, points=7, seconds=1.0))
    ledger.write(Event(ben, "tap", TEN, points=5, seconds=3.0))
    container.database.rows(
        "UPDATE standings SET score = CASE WHEN player_id = :p THEN 7 ELSE 5 END RETURNING 1", p=anna
    )
    analytics.roll_up()
    before = _stored_rollups(container)
    by: Any = {"actor": "cli:tests", "reason": "a test", "request_id": "r"}
    void = container.corrections.void(Selection(player_id=anna), **by)
    container.corrections.work(void)
    assert analytics.verify(None, None) == [], "what is known to be stale is no difference"
    analytics.roll_up()
    for row in (_rows(analytics, "hour", TEN, TEN + HOUR)[0], _rows(analytics, "day", TEN - 10 * HOUR, TEN + DAY)[0]):
        assert (row["redemptions"], row["points"], row["players"]) == (1, 5, 1)
        assert row["voided"] == {"redemptions": 1, "points": 7}
        assert row["completion_seconds"]["median"] == 3.0
    assert analytics.verify(None, None) == []
    container.corrections.work(container.corrections.restore(void, **by))
    analytics.roll_up()
    assert _stored_rollups(container) == before
    assert container.database.rows("SELECT FROM stale_rollups") == []


def test_a_refused_action_counts_once_by_the_rule_that_added_most(container: Container) -> None:
    player = container.accounts.create("Mallory", "a good password").id

    def play(slug: str) -> str:
        issued = container.actions.issue(player, slug)
        request = RedemptionRequest(str(player), issued.promise.action_id, issued.token, None, "test")
        with pytest.raises(Forbidden) as refused:
            container.redemptions.complete(request)
        return refused.value.code

    assert play("boss-fight") == "suspicious_activity"
    container.action_claims.put_suspicion(player, Suspicion(70.0, container.clock()))
    assert play("tap") == "suspicious_activity", "the level refuses what adds nothing itself"
    assert play("boss-fight") == "account_suspended"
    container.analytics.roll_up()
    total, *_ = container.analytics.show(RollupQuery("main", "day"))
    assert total["refusals"] == {"timing": 2, "level": 1}
    assert (total["redemptions"], total["players"]) == (0, 0)


def test_an_action_that_is_refused_twice_counts_once(container: Container) -> None:
    """Refuse an action twice, as when the process dies before Redis knows and the player tries again."""
    player = container.accounts.create("Mallory", "a good password").id
    promise = container.actions.issue(player, "tap").promise
    for rules in (("timing", "pattern"), ("frequency",)):
        signals = [Signal(rule, "this", "that", added) for added, rule in enumerate(rules)]
        with container.database.transaction() as connection:
            container.suspicions.add_refusal(connection, promise, signals, at=container.clock())
    container.analytics.roll_up()
    total, *_ = container.analytics.show(RollupQuery("main", "day"))
    assert total["refusals"] == {"pattern": 1}


@pytest.fixture
def busy(container: Container, ledger: HandLedger) -> Container:
    """Return the container after three days of play, without any roll-up."""
    players = [ledger.player() for _ in range(3)]
    for number in range(60):
        at = TEN + number * timedelta(minutes=73)
        ledger.write(Event(players[number % 3], ("tap", "puzzle")[number % 2], at, number, seconds=number / 7))
        if number % 5 == 0:
            ledger.refuse(players[0], "puzzle", at)
    return container


def test_ticks_that_were_missed_are_caught_up_by_the_next_one(busy: Container, analytics: Analytics) -> None:
    analytics.roll_up()
    hours = _rows(analytics, "hour", TEN, TEN + 4 * DAY)
    assert sum(row["redemptions"] for row in hours if row["action_type"] is None) == 60
    assert all(row["complete"] for row in hours)
    assert analytics.verify(None, None) == []


def test_twice_and_at_once_leave_the_same_numbers(
    busy: Container, analytics: Analytics, workers: list[Container]
) -> None:
    with ThreadPoolExecutor(len(workers)) as pool:
        for task in [pool.submit(_analytics(worker, Clock(TEN + 4 * DAY)).roll_up) for worker in workers * 3]:
            task.result()
    analytics.roll_up()
    numbers = _stored_rollups(busy)
    analytics.roll_up()
    assert analytics.rebuild(None, None) == []
    assert _stored_rollups(busy) == numbers
    assert sum(row["redemptions"] for row in numbers if row["action_type_id"] == 0) == 2 * 60


def test_a_rebuild_says_what_differed_and_repairs_it(busy: Container, analytics: Analytics) -> None:
    analytics.roll_up()
    numbers = _stored_rollups(busy)
    damage = "UPDATE rollups SET points = points + 1 WHERE granularity = 'hour' AND starts_at = :at RETURNING points"
    assert busy.database.rows(damage, at=TEN)
    busy.database.rows("DELETE FROM rollups WHERE granularity = 'day' AND starts_at > :at RETURNING points", at=TEN)
    differences = analytics.verify(None, None)
    assert {(difference.figure, difference.place.starts_at) for difference in differences} >= {("points", TEN)}
    assert any(difference.stored is None for difference in differences), "what is missing is a difference too"
    assert analytics.rebuild(TEN, TEN + timedelta(minutes=1)) == [
        difference for difference in differences if difference.figure == "points"
    ]
    assert analytics.rebuild(None, None) == [difference for difference in differences if difference.figure != "points"]
    assert _stored_rollups(busy) == numbers


def test_an_event_that_is_committed_after_the_hour_s_end_is_counted_in_it(
    container: Container, ledger: HandLedger
) -> None:
    """Begin the event's transaction before the hour's end: until it ends, the hour isn't complete."""
    anna = ledger.player()
    ledger.write(Event(anna, "tap", TEN))
    clock = Clock(TEN + timedelta(minutes=59, seconds=59))
    analytics = _analytics(container, clock)
    with container.database.transaction() as late:
        ledger.write(Event(anna, "tap", TEN + timedelta(minutes=59)), late)
        for after in (timedelta(0), timedelta(minutes=1), timedelta(minutes=2), timedelta(hours=3)):
            clock.now += after
            analytics.roll_up()
            (row,) = _rows(analytics, "hour", TEN, TEN + HOUR, "tap")
            assert (row["redemptions"], row["complete"]) == (1, False)
    for _ in range(2):  # the first settles the waiting hour, the second the transactions that have ended since
        clock.now += timedelta(minutes=1)
        analytics.roll_up()
    (row,) = _rows(analytics, "hour", TEN, TEN + HOUR, "tap")
    assert (row["redemptions"], row["complete"]) == (2, True)


def test_a_transaction_that_begins_after_the_end_does_not_hold_the_hour_up(
    container: Container, ledger: HandLedger
) -> None:
    clock = Clock(TEN + HOUR + timedelta(minutes=1))
    analytics = _analytics(container, clock)
    anna = ledger.player()
    ledger.write(Event(anna, "tap", TEN))
    with container.database.transaction() as early:
        ledger.write(Event(anna, "tap", TEN + timedelta(minutes=59)), early)
        analytics.roll_up()  # records which transactions may still write into the hour
        later = container.database.transaction()
        with later as connection:
            ledger.write(Event(anna, "tap", TEN + HOUR), connection)
            early.commit()
            clock.now += timedelta(minutes=1)
            analytics.roll_up()
            (row,) = _rows(analytics, "hour", TEN, TEN + HOUR, "tap")
            assert (row["redemptions"], row["complete"]) == (2, True)


def test_an_hour_is_open_until_a_moment_after_its_end(container: Container, ledger: HandLedger) -> None:
    anna = ledger.player()
    ledger.write(Event(anna, "tap", TEN))
    clock = Clock(TEN + timedelta(minutes=30))
    analytics = _analytics(container, clock)
    states = []
    for minutes in (30, 59.99, 60.01, 61):
        clock.now = TEN + timedelta(minutes=minutes)
        analytics.roll_up()
        (row,) = _rows(analytics, "hour", TEN, TEN + HOUR, "tap")
        states.append((row["complete"], row["computed_at"][11:19]))
    assert states == [(False, "10:30:00"), (False, "10:59:59"), (False, "11:00:00"), (True, "11:01:00")]


def test_what_takes_long_to_compute_is_computed_less_often(container: Container, ledger: HandLedger) -> None:
    ledger.write(Event(ledger.player(), "tap", TEN))
    clock = Clock(TEN + timedelta(minutes=30))
    analytics = _analytics(container, clock)
    analytics.roll_up()
    container.database.rows("UPDATE rollup_progress SET took_seconds = 30 RETURNING 1 AS done")
    clock.now += timedelta(minutes=5)
    analytics.roll_up()
    (row,) = _rows(analytics, "hour", TEN, TEN + HOUR, "tap")
    assert row["computed_at"] == "2026-01-05T10:30:00.000Z"
    clock.now += timedelta(minutes=6)
    analytics.roll_up()
    (row,) = _rows(analytics, "hour", TEN, TEN + HOUR, "tap")
    assert row["computed_at"] == "2026-01-05T10:41:00.000Z"


def test_what_nobody_has_is_refused_by_name(container: Container) -> None:
    with pytest.raises(NotFound):
        container.analytics.show(RollupQuery("nope", "hour"))
    bad = {
        "action_type": RollupQuery("main", "hour", action_type="nope"),
        "to": RollupQuery("main", "hour", TEN, TEN),
        "from": RollupQuery("main", "hour", TEN, TEN + timedelta(days=32)),
    }
    for field, query in bad.items():
        with pytest.raises(InvalidRequest) as refused:
            container.analytics.show(query)
        assert bad_fields(refused.value) == [field]


_days = itertools.count()
PLAYS = st.lists(
    st.tuples(
        st.integers(0, 3),  # player
        st.sampled_from(["tap", "puzzle", "boss-fight"]),
        st.integers(0, 2 * 86_400_000 - 1),  # milliseconds into two days
        st.integers(1, 1_000_000_000),
        st.integers(0, 600_000),  # milliseconds from issue to completion
        st.sampled_from(["redeemed", "redeemed", "redeemed", "timing", "pattern", "level"]),
    ),
    max_size=30,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plays=PLAYS)
def test_whatever_was_played_the_numbers_are_those_of_a_plain_computation(container: Container, plays: Any) -> None:
    ledger, analytics = HandLedger(container), _analytics(container, Clock(EPOCH + 300 * DAY))
    players = [ledger.player() for _ in range(4)]
    begin = EPOCH + 3 * DAY * next(_days)
    expected: dict[tuple[str, datetime, str | None], list[Any]] = defaultdict(list)
    for player, slug, ms, points, took, outcome in plays:
        at = begin + timedelta(milliseconds=ms)
        if outcome == "redeemed":
            ledger.write(Event(players[player], slug, at, points, took / 1000))
        else:
            ledger.refuse(players[player], slug, at, outcome)
        for unit, kind in itertools.product(GRANULARITIES, (slug, None)):
            expected[unit, start_of(unit, at), kind].append((player, points, took / 1000, outcome))
    analytics.rebuild(begin, begin + 2 * DAY)
    reported = {
        (unit, datetime.fromisoformat(row["from"]), row["action_type"]): row
        for unit in GRANULARITIES
        for row in _rows(analytics, unit, begin, begin + 2 * DAY)
    }
    assert reported.keys() == expected.keys()
    for place, row in reported.items():
        _compare(row, expected[place])


def _compare(row: RollupRow, plays: list[Any]) -> None:
    redeemed = [play for play in plays if play[3] == "redeemed"]
    assert row["redemptions"] == len(redeemed)
    assert row["points"] == sum(points for _, points, _, _ in redeemed)
    assert row["players"] == len({player for player, _, _, _ in redeemed})
    assert row["refusals"] == Counter(outcome for *_, outcome in plays if outcome != "redeemed")
    seconds = sorted(took for _, _, took, _ in redeemed)
    if not seconds:
        assert row["completion_seconds"] == {"median": None, "p95": None}
        return
    assert row["completion_seconds"]["median"] == pytest.approx(statistics.median(seconds))
    place = 0.95 * (len(seconds) - 1)
    below, above = seconds[int(place)], seconds[min(int(place) + 1, len(seconds) - 1)]
    assert row["completion_seconds"]["p95"] == pytest.approx(below + (above - below) * (place - int(place)))
