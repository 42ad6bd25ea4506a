"""The review of the ledger: it finds the cheating that the first assessment missed, and nothing else."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.containers.container import Container
from app.domain.redemption import RedemptionRequest
from app.http.case_presenter import case_row
from app.services.moderation.cases import CaseFile
from tests.integration.moderation.ledgers import Event, HandLedger, limit_taps
from tests.integration.players import add_player

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def limited_taps(container: Container) -> None:
    limit_taps(container)


@pytest.fixture
def ledger(container: Container) -> HandLedger:
    return HandLedger(container)


@pytest.fixture
def ago() -> Callable[[float], datetime]:
    """Return a function of seconds: `ago(60)` is a minute before this test began."""
    now = datetime.now(UTC)
    return lambda seconds: now - timedelta(seconds=seconds)


def _write_clockwork(ledger: HandLedger, player: UUID, begin: datetime, count: int = 30) -> None:
    """Write taps one second apart to the millisecond, without any assessment."""
    for number in range(count):
        ledger.write(Event(player, "tap", begin + number * SECOND, seconds=0.5))


def _cases(container: Container, player: UUID) -> list[CaseFile]:
    return container.cases.case_files_of(player)


def _suspicion(container: Container) -> list[Any]:
    return [tuple(row) for row in container.database.rows("SELECT * FROM suspicion ORDER BY player_id")]


def test_what_nobody_saw_becomes_a_case_in_words_and_nothing_else(
    container: Container, ledger: HandLedger, ago: Callable[[float], datetime]
) -> None:
    mallory = ledger.player()
    _write_clockwork(ledger, mallory, ago(90))
    review = container.review.review_new()
    assert [case.player_id for case in review.cases] == [mallory]
    (file,) = _cases(container, mallory)
    assert (file.case.state, file.case.status) == ("open", "active"), "a review suspends nobody"
    assert {signal.source for signal in file.signals} == {"review"}
    assert {signal.outcome for signal in file.signals} == {"clean", "flag"}, "it refuses nothing"
    assert "intervals within 0.0 ms" in str(file.signals[0].seen)
    assert _suspicion(container) == [], "what redemptions are judged by is left alone"
    assert container.redis.get(f"suspicion:{{{mallory}}}") is None


def test_twice_and_at_once_leave_one_case(
    container: Container, ledger: HandLedger, ago: Callable[[float], datetime], workers: list[Container]
) -> None:
    mallory = ledger.player()
    _write_clockwork(ledger, mallory, ago(90))
    with ThreadPoolExecutor(len(workers)) as pool:
        for task in [pool.submit(worker.review.review_again, ago(3600)) for worker in workers * 2]:
            task.result()
        for task in [pool.submit(worker.review.review_new) for worker in workers]:
            task.result()
    cases = _cases(container, mallory)
    assert len(cases) == 1
    signals = [(signal.action_id, signal.rule) for signal in cases[0].signals]
    assert len(signals) == len(set(signals)) > 0
    assert container.review.review_again(ago(3600)).signals == 0
    assert [_lasting_facts(file) for file in _cases(container, mallory)] == [_lasting_facts(file) for file in cases]


def _lasting_facts(file: CaseFile) -> dict[str, object]:
    """Return the case as the command line writes it, without the numbers that decay while the test looks."""
    row = case_row(file) | {"suspicion": None}
    decaying = {"left": None, "decayed": None, "suspicion": None}
    return row | {"signals": [signal.as_row() | decaying for signal in file.signals]}


class Play:
    """A player of the real product, by a clock that the test sets."""

    def __init__(self, container: Container, **changed: float) -> None:
        self.now = time.time() + 30  # by then the action types' limits have been valid for a while
        self.product = Container(container.settings.model_copy(update=changed), clock=lambda: self.now)
        self.player = add_player(self.product, "Player")

    def do(self, slug: str, wait: float, after: float = 0.05) -> None:
        """Start `slug` and complete it after `wait` seconds; the next one begins `after` seconds later."""
        issued = self.product.actions.issue(self.player, slug)
        self.now += wait
        request = RedemptionRequest(str(self.player), issued.promise.action_id, issued.token, None, "test")
        self.product.redemptions.complete(request)
        self.now += after


@pytest.fixture
def play(container: Container) -> Any:
    plays: list[Play] = []

    def make(**changed: float) -> Play:
        plays.append(Play(container, **changed))
        return plays[-1]

    yield make
    for play in plays:
        play.product.close()


def test_what_was_seen_the_first_time_is_no_new_case(container: Container, play: Callable[..., Play]) -> None:
    chance = random.Random(3)
    honest = play()
    for number in range(60):
        honest.do("tap", 0.3 + chance.random(), 0.1)
        if number == 20:
            honest.do("quick-match", 2.75)  # a little too fast: below the level of a case
    assert container.database.rows("SELECT * FROM signals") != []
    review = container.review.review_new()
    assert (review.redemptions, review.signals, review.cases) == (61, 0, [])
    assert _cases(container, honest.player) == []


def test_refused_tries_are_part_of_the_history(
    container: Container, ledger: HandLedger, ago: Callable[[float], datetime]
) -> None:
    """Write eight ordinary redemptions for two players; ten refused ones among them make one player's a burst."""
    calm, hasty = ledger.player(), ledger.player()
    for number in range(8):
        for player in (calm, hasty):
            ledger.write(Event(player, "tap", ago(60) + number * SECOND / 4))
    for number in range(10):
        ledger.refuse(hasty, "tap", ago(60) + number * SECOND / 8 - SECOND / 16, "frequency")
    container.review.review_new()
    signals = container.database.rows("SELECT player_id, rule FROM signals")
    assert {(row.player_id, row.rule) for row in signals} == {(hasty, "frequency")}


def test_a_lower_threshold_finds_what_passed_under_the_old_one(container: Container, play: Callable[..., Play]) -> None:
    lenient = play(anticheat_flag=1000.0, anticheat_reject=1000.0, anticheat_critical=1000.0)
    for _ in range(20):
        lenient.do("tap", 0.5, 0.5)
    assert _cases(container, lenient.player) == []
    assert lenient.product.review.review_new().cases == []
    review = container.review.review_again(datetime.now(UTC) - timedelta(hours=1))
    assert [case.player_id for case in review.cases] == [lenient.player]
    assert review.signals == 0, "all of it was seen then"


def test_what_a_person_has_decided_is_not_brought_up_again(
    container: Container, ledger: HandLedger, ago: Callable[[float], datetime]
) -> None:
    cleared, reinstated = ledger.player(), ledger.player()
    for player in (cleared, reinstated):
        _write_clockwork(ledger, player, ago(90))
    container.moderation.reinstate(reinstated, "test")
    container.review.review_new()
    assert _cases(container, reinstated) == []
    container.database.rows("UPDATE cases SET state = 'cleared', decided_at = now() RETURNING id")
    review = container.review.review_again(ago(3600))
    assert (review.signals, review.cases) == (0, [])


def test_an_action_is_judged_by_the_limits_it_was_issued_under(container: Container, play: Callable[..., Play]) -> None:
    honest = play()
    for _ in range(5):
        honest.do("quick-match", 4.0, 1.7)
    container.actions.change("quick-match", {"min_seconds": 30.0})
    container.database.rows("UPDATE action_types SET limits_since = :at RETURNING id", at=_moment(honest.now))
    review = container.review.review_new()
    assert (review.redemptions, review.signals) == (5, 0)
    honest.now += 5
    honest.do("quick-match", 31.0)
    assert container.review.review_new().signals == 0


def test_what_was_too_fast_for_its_action_type_is_found(
    container: Container, ledger: HandLedger, ago: Callable[[float], datetime]
) -> None:
    hasty = ledger.player()
    ledger.write(Event(hasty, "boss-fight", ago(60), seconds=2.0))
    assert container.review.review_new().cases[0].rules == ["timing"]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_a_slow_commit_is_not_held_against_a_player(
    container: Container, ledger: HandLedger, ago: Callable[[float], datetime]
) -> None:
    """Judge twenty redemptions over a minute, and write them all in one second once the database answers again."""
    anna, chance = ledger.player(), random.Random(1)
    for number in range(20):
        judged = ago(120) + number * 3 * SECOND + chance.random() * SECOND
        ledger.write(Event(anna, "tap", ago(30) + number * timedelta(milliseconds=10), judged=judged))
    review = container.review.review_new()
    assert (review.redemptions, review.signals) == (20, 0)


def test_what_is_committed_out_of_order_is_reviewed_all_the_same(
    container: Container, ledger: HandLedger, ago: Callable[[float], datetime]
) -> None:
    mallory, ben = ledger.player(), ledger.player()
    with container.database.transaction() as late:
        for number in range(30):
            ledger.write(Event(mallory, "tap", ago(90) + number * SECOND), late)
        ledger.write(Event(ben, "tap", ago(1)))
        assert container.review.review_new().redemptions == 1
    assert [case.player_id for case in container.review.review_new().cases] == [mallory]


def test_an_hour_that_came_twice_is_not_held_against_a_player(
    container: Container, ledger: HandLedger, ago: Callable[[float], datetime]
) -> None:
    """Tap three times a second, set the clock back, and tap on: together that would be six a second."""
    child, rng = ledger.player(), random.Random(1)
    for _ in range(2):
        at = ago(90)
        for _ in range(180):
            at += timedelta(seconds=rng.uniform(0.25, 0.4))
            ledger.write(Event(child, "tap", at, seconds=0.1))
    assert container.review.review_new().cases == []


def test_it_goes_on_where_it_stopped(
    container: Container, ledger: HandLedger, ago: Callable[[float], datetime]
) -> None:
    anna = ledger.player()
    container.review.review_new()
    container.database.rows("UPDATE review_progress SET reviewed_before = :at RETURNING number", at=ago(3 * 3600))
    ledger.write(Event(anna, "tap", ago(10_000)))
    ledger.write(Event(anna, "tap", ago(5_000)))
    assert container.review.review_new().redemptions == 2
    assert container.review.review_new().redemptions == 0


def test_new_evidence_joins_an_open_case(
    container: Container, ledger: HandLedger, ago: Callable[[float], datetime]
) -> None:
    mallory = ledger.player()
    _write_clockwork(ledger, mallory, ago(90), 20)
    container.review.review_new()
    (before,) = _cases(container, mallory)
    _write_clockwork(ledger, mallory, ago(70), 10)
    assert container.review.review_new().cases == []
    (after,) = _cases(container, mallory)
    assert after.case.case_id == before.case.case_id
    assert len(after.signals) > len(before.signals)
