"""Analytics: the same numbers as the ledger."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter, defaultdict
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
from app.domain.rollups import GRANULARITIES, start_of
from app.errors import Forbidden, InvalidRequest, NotFound
from app.services.operations.analytics import Analytics
from app.services.operations.rollup_rows import RollupQuery, RollupRow
from tests.integration.moderation.ledgers import EPOCH, Event, HandLedger
from tests.integration.operations.conftest import DAY, HOUR, TEN, Clock, analytics_on, rows_of, stored_rollups
from tests.parts.refusals import bad_fields


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
    total, puzzle, tap = rows_of(analytics, "hour", TEN, TEN + HOUR)
    assert [row["action_type"] for row in (total, puzzle, tap)] == [None, "puzzle", "tap"]
    assert (total["redemptions"], total["points"], total["players"]) == (5, 101, 2), "a player counts once"
    assert (puzzle["redemptions"], puzzle["points"], puzzle["players"]) == (4, 100, 2)
    assert puzzle["completion_seconds"] == {"median": 2.5, "p95": pytest.approx(8.95)}
    assert puzzle["refusals"] == total["refusals"] == {"timing": 1, "pattern": 1}
    assert (tap["redemptions"], tap["refusals"]) == (1, {})
    assert (tap["from"], tap["to"]) == ("2026-01-05T10:00:00.000Z", "2026-01-05T11:00:00.000Z")
    assert total["complete"]
    (day,) = rows_of(analytics, "day", TEN - HOUR * 10, TEN, "tap")
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
    before = stored_rollups(container)
    by: Any = {"actor": "cli:tests", "reason": "a test", "request_id": "r"}
    void = container.corrections.void(Selection(player_id=anna), **by)
    container.corrections.work(void)
    assert analytics.verify(None, None) == [], "what is known to be stale is no difference"
    analytics.roll_up()
    for row in (
        rows_of(analytics, "hour", TEN, TEN + HOUR)[0],
        rows_of(analytics, "day", TEN - 10 * HOUR, TEN + DAY)[0],
    ):
        assert (row["redemptions"], row["points"], row["players"]) == (1, 5, 1)
        assert row["voided"] == {"redemptions": 1, "points": 7}
        assert row["completion_seconds"]["median"] == 3.0
    assert analytics.verify(None, None) == []
    container.corrections.work(container.corrections.restore(void, **by))
    analytics.roll_up()
    assert stored_rollups(container) == before
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
    ledger, analytics = HandLedger(container), analytics_on(container, Clock(EPOCH + 300 * DAY))
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
        for row in rows_of(analytics, unit, begin, begin + 2 * DAY)
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
