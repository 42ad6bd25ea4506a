"""Points under a case: only their player sees them until the case is decided."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.domain.boards import MAIN
from app.domain.cases import DECISIONS
from app.domain.corrections import Selection
from app.domain.redemption import RedemptionRequest
from app.stores.moderation.quarantine import QuarantineStore
from tests.integration.moderation.cases.parts import BY, Field
from tests.integration.moderation.ledgers import Event, HandLedger
from tests.parts.waiting import eventually

MANY = 16  # a burst of this many ends flagged


@pytest.fixture
def mallory(strict: Field) -> UUID:
    return strict.player("Mallory")


@pytest.fixture
def others(strict: Field) -> list[UUID]:
    """Return three players with 20, 10 and 5 points."""
    players = [strict.player(name) for name in ("Anna", "Ben", "Cleo")]
    for player, points in zip(players, (20, 10, 5), strict=True):
        strict.score(player, points)
    strict.deliver()
    return players


def _scores(field: Field, player: UUID) -> tuple[int, int]:
    """Return the score that the public sees, and the score that the player sees."""
    view = field.view(player)
    return view.public["score"], view.own["score"]


def test_without_the_setting_nothing_is_held(field: Field, anna: UUID) -> None:
    field.suspect(anna)
    field.score(anna, 7)
    field.deliver()
    assert field.top() == [("Anna", 7, 1)]
    assert field.books() == []


def test_the_player_sees_what_they_scored_and_the_rank_it_would_give(
    strict: Field, mallory: UUID, others: list[UUID]
) -> None:
    strict.score(mallory, 1)
    strict.suspect(mallory)
    strict.score(mallory, 11)
    strict.deliver()
    assert [row[:2] for row in strict.top()] == [("Anna", 20), ("Ben", 10), ("Cleo", 5), ("Mallory", 1)]
    view = strict.view(mallory)
    assert (view.public["score"], view.public["rank"]) == (1, 4)
    assert (view.own["score"], view.own["rank"]) == (12, 2)
    redemption = strict.play(mallory)
    assert (redemption.previous_score, redemption.score) == (12, 13)
    assert (redemption.previous_rank, redemption.rank) == (2, 2)
    assert strict.container.actions.issue(mallory, "tap").expected_score == 14
    me, above, below = strict.container.standings.around(mallory, 5)
    assert (me.score, me.rank) == (13, 2)
    assert [row.username for row in above] == ["Anna"]
    assert [row.username for row in below] == ["Ben", "Cleo"], "not the player once more"
    seen_by_ben = strict.container.standings.around(others[1], 5)
    assert [row.score for row in seen_by_ben[2]] == [5, 1]
    assert strict.books() == []


def test_whose_points_are_all_held_is_on_no_board_but_their_own(
    strict: Field, mallory: UUID, others: list[UUID]
) -> None:
    strict.suspect(mallory)
    first = strict.play(mallory, key="first")
    assert (first.previous_rank, first.rank) == (None, 4)
    strict.deliver()
    view = strict.view(mallory)
    assert (view.public["rank"], view.public["score"], view.public["achieved_at"]) == (None, 0, None)
    assert (view.own["rank"], view.own["score"]) == (4, 1)
    me, above, below = strict.container.standings.around(mallory, 1)
    assert (me.rank, [row.username for row in above], below) == (4, ["Cleo"], [])
    assert me.achieved_at is not None
    assert len(strict.top()) == 3
    assert strict.container.board_sync.verify(strict.container.standings.season(MAIN)) == []


def test_the_answer_is_the_same_again_for_the_same_key(strict: Field, mallory: UUID, others: list[UUID]) -> None:
    strict.suspect(mallory)
    issued = strict.container.actions.issue(mallory, "tap")
    request = RedemptionRequest(str(mallory), issued.promise.action_id, issued.token, "a key", "test")
    first = strict.container.redemptions.complete(request)
    again = strict.container.redemptions.complete(request)
    assert again.replayed
    assert (again.score, again.rank, again.previous_rank) == (first.score, first.rank, first.previous_rank)


def test_what_is_pushed_says_nothing_of_held_points(strict: Field, mallory: UUID, others: list[UUID]) -> None:
    strict.score(mallory, 1)
    strict.suspect(mallory)
    strict.deliver()
    listener = strict.container.redis.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("fairboard:board")
    listener.get_message(timeout=1)
    strict.score(mallory, 500)
    strict.deliver()
    message = listener.get_message(timeout=1)
    listener.close()
    assert message is not None
    pushed = json.loads(message["data"])
    assert pushed["changeInfo"] == []
    assert [row["score"] for row in pushed["data"] if row["username"] == "Mallory"] == [1]


def test_the_redemption_that_opens_the_case_is_held_itself(strict: Field, mallory: UUID) -> None:
    for _ in range(MANY + 4):
        redemption = strict.play(mallory)
        if strict.container.cases.case_files_of(mallory):
            break
    else:
        raise AssertionError("that many at once are a burst")
    strict.deliver()
    assert _scores(strict, mallory) == (redemption.score - 1, redemption.score)
    assert strict.books() == []


def test_a_case_of_the_review_holds_too(strict: Field, mallory: UUID) -> None:
    ledger = HandLedger(strict.container)
    begin = datetime.now(UTC) - timedelta(seconds=90)
    player = ledger.player()
    for number in range(30):
        ledger.write(Event(player, "tap", begin + timedelta(seconds=number), seconds=0.5))
    strict.container.review.review_new()
    strict.score(player, 3)
    assert _scores(strict, player) == (0, 3)


@pytest.fixture
def held(strict: Field, mallory: UUID, others: list[UUID]) -> Iterator[UUID]:
    """Yield a case of a player with 1 public point and 11 held ones."""
    strict.score(mallory, 1)
    case = strict.suspect(mallory)
    strict.score(mallory, 7)
    strict.score(mallory, 4)
    strict.deliver()
    assert _scores(strict, mallory) == (1, 12)
    yield case
    strict.deliver()
    assert strict.books() == []


def test_clearing_releases_and_the_undo_holds_again(strict: Field, mallory: UUID, held: UUID) -> None:
    before = strict.standing(mallory)
    strict.container.decisions.decide(held, "cleared", BY)
    strict.deliver()
    assert strict.top()[1] == ("Mallory", 12, 2)
    strict.score(mallory, 1)
    strict.container.decisions.undo(held, BY)
    strict.deliver()
    assert _scores(strict, mallory) == (2, 13), "what was scored in between is not under the case"
    strict.container.decisions.decide(held, "cleared", BY)
    strict.container.decisions.undo(held, BY)
    assert strict.standing(mallory)[:2] == (2, 11)
    assert before[:2] == (1, 11)


def test_the_undo_gives_exactly_the_standing_there_was(strict: Field, mallory: UUID, held: UUID) -> None:
    before = strict.standing(mallory)
    for decision in DECISIONS:
        strict.container.decisions.decide(held, decision, BY)
        strict.container.decisions.undo(held, BY)
        assert strict.standing(mallory) == before


def test_confirming_voids_what_was_held(strict: Field, mallory: UUID, held: UUID) -> None:
    strict.container.decisions.decide(held, "confirmed", BY)
    strict.deliver()
    assert strict.standing(mallory)[:2] == (1, 0)
    assert [name for name, _, _ in strict.top()] == ["Anna", "Ben", "Cleo"]


def test_what_is_held_stays_held_when_the_player_is_suspended_and_reinstated(
    strict: Field, mallory: UUID, held: UUID
) -> None:
    strict.container.moderation.suspend(mallory, "test")
    assert strict.view(mallory).own["score"] == 12
    strict.container.moderation.reinstate(mallory, "test")
    strict.score(mallory, 1)
    strict.deliver()
    assert _scores(strict, mallory) == (1, 13)


def test_a_redemption_that_was_on_its_way_at_the_decision_is_released_by_the_sweep(
    strict: Field, mallory: UUID, held: UUID
) -> None:
    """Let a redemption read its player, then wait for the standing until the decision is committed."""
    database = strict.container.database
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%INTO standings%'"
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as connection:
            QuarantineStore.hold(connection, mallory, None)
            late = pool.submit(strict.score, mallory, 5)
            eventually(lambda: database.rows(waiting))
        late.result()
    assert strict.standing(mallory)[:2] == (12, 5)
    assert strict.container.status_repair.sweep() == [mallory]
    assert strict.standing(mallory)[:2] == (17, 0)
    assert strict.container.status_repair.sweep() == []


def test_a_first_redemption_that_was_on_its_way_at_the_suspension_is_taken_off_by_the_sweep(
    strict: Field, mallory: UUID, others: list[UUID]
) -> None:
    strict.container.moderation.suspend(mallory, "test")
    strict.container.database.rows("UPDATE players SET status = 'active' WHERE id = :id RETURNING id", id=mallory)
    strict.score(mallory, 5)
    strict.container.database.rows("UPDATE players SET status = 'suspended' WHERE id = :id RETURNING id", id=mallory)
    assert strict.container.status_repair.sweep() == [mallory]
    strict.deliver()
    assert len(strict.top()) == 3
    assert strict.books() == []


def test_a_redemption_that_was_on_its_way_at_the_decision_can_be_voided_before_the_sweep(
    strict: Field, mallory: UUID, held: UUID
) -> None:
    begun = strict.container.clock()
    strict.container.decisions.decide(held, "cleared", BY)
    with strict.container.database.transaction() as connection:
        QuarantineStore.hold(connection, mallory, held)
    strict.score(mallory, 20)
    strict.container.database.rows("UPDATE players SET held_under = NULL WHERE id = :id RETURNING id", id=mallory)
    selection = Selection(player_id=mallory, since=datetime.fromtimestamp(begun, UTC))
    correction = strict.container.corrections.void(selection, actor=BY.actor, reason="test", request_id="test")
    strict.container.corrections.work(correction)
    assert strict.standing(mallory)[:2] == (12, 0)
