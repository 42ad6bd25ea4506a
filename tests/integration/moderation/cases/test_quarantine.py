"""Points under a case: only their player sees them until the case is decided."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.containers.container import Container
from app.domain.boards import MAIN
from app.domain.cases import DECISIONS
from app.domain.corrections import Selection
from app.domain.redemption import RedemptionRequest
from app.domain.scoring import Hold
from app.stores.moderation.quarantine import QuarantineStore
from tests.integration.moderation.cases.parts import BY, Field
from tests.integration.moderation.ledgers import Event, HandLedger, limit_taps
from tests.parts.waiting import eventually

MANY = 16  # a burst of this many ends flagged


@pytest.fixture(autouse=True)
def limited_taps(container: Container) -> None:
    limit_taps(container)


@pytest.fixture
def mallory(strict_field: Field) -> UUID:
    return strict_field.player("Mallory")


@pytest.fixture
def other_players(strict_field: Field) -> list[UUID]:
    """Return three players with 20, 10 and 5 points."""
    players = [strict_field.player(name) for name in ("Anna", "Ben", "Cleo")]
    for player, points in zip(players, (20, 10, 5), strict=True):
        strict_field.score(player, points)
    strict_field.deliver()
    return players


def _scores(field: Field, player: UUID) -> tuple[int, int]:
    """Return the score that the public sees, and the score that the player sees."""
    view = field.view(player)
    return view.public["score"] or 0, view.own["score"] or 0


def test_without_the_setting_nothing_is_held(field: Field, anna: UUID) -> None:
    field.suspect(anna)
    field.score(anna, 7)
    field.deliver()
    assert field.top() == [("Anna", 7, 1)]
    assert field.books() == []


def test_the_player_sees_what_they_scored_and_the_rank_it_would_give(
    strict_field: Field, mallory: UUID, other_players: list[UUID]
) -> None:
    strict_field.score(mallory, 1)
    strict_field.suspect(mallory)
    strict_field.score(mallory, 11)
    strict_field.deliver()
    assert [row[:2] for row in strict_field.top()] == [("Anna", 20), ("Ben", 10), ("Cleo", 5), ("Mallory", 1)]
    view = strict_field.view(mallory)
    assert (view.public["score"], view.public["rank"]) == (1, 4)
    assert (view.own["score"], view.own["rank"]) == (12, 2)
    redemption = strict_field.play(mallory)
    assert (redemption.previous_score, redemption.score) == (12, 13)
    assert (redemption.previous_rank, redemption.rank) == (2, 2)
    assert strict_field.container.actions.issue(mallory, "tap").expected_score == 14
    me, above, below = strict_field.container.board_pages.own(strict_field.container.standings.season(MAIN), mallory, 5)
    assert (me.score, me.rank) == (13, 2)
    assert [row.username for row in above] == ["Anna"]
    assert [row.username for row in below] == ["Ben", "Cleo"], "not the player once more"
    season = strict_field.container.standings.season(MAIN)
    seen_by_ben = strict_field.container.board_pages.own(season, other_players[1], 5)
    assert [row.score for row in seen_by_ben[2]] == [5, 1]
    assert strict_field.books() == []


def test_whose_points_are_all_held_is_on_no_board_but_their_own(
    strict_field: Field, mallory: UUID, other_players: list[UUID]
) -> None:
    strict_field.suspect(mallory)
    first = strict_field.play(mallory, key="first")
    assert (first.previous_rank, first.rank) == (None, 4)
    strict_field.deliver()
    view = strict_field.view(mallory)
    assert (view.public["rank"], view.public["score"], view.public["achieved_at"]) == (None, 0, None)
    assert (view.own["rank"], view.own["score"]) == (4, 1)
    me, above, below = strict_field.container.board_pages.own(strict_field.container.standings.season(MAIN), mallory, 1)
    assert (me.rank, [row.username for row in above], below) == (4, ["Cleo"], [])
    assert me.achieved_at is not None
    assert len(strict_field.top()) == 3
    assert strict_field.container.board_sync.verify(strict_field.container.standings.season(MAIN)) == []


def test_the_answer_is_the_same_again_for_the_same_key(
    strict_field: Field, mallory: UUID, other_players: list[UUID]
) -> None:
    strict_field.suspect(mallory)
    issued = strict_field.container.actions.issue(mallory, "tap")
    request = RedemptionRequest(str(mallory), issued.promise.action_id, issued.token, "a key", "test")
    first = strict_field.container.redemptions.complete(request)
    again = strict_field.container.redemptions.complete(request)
    assert again.replayed
    assert (again.score, again.rank, again.previous_rank) == (first.score, first.rank, first.previous_rank)


def test_what_is_pushed_says_nothing_of_held_points(
    strict_field: Field, mallory: UUID, other_players: list[UUID]
) -> None:
    strict_field.score(mallory, 1)
    strict_field.suspect(mallory)
    strict_field.deliver()
    listener = strict_field.container.redis.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("fairboard:board")
    listener.get_message(timeout=1)
    strict_field.score(mallory, 500)
    strict_field.deliver()
    message = listener.get_message(timeout=1)
    listener.close()
    assert message is not None
    pushed = json.loads(message["data"])
    assert pushed["changeInfo"] == []
    assert [row["score"] for row in pushed["data"] if row["username"] == "Mallory"] == [1]


def test_the_redemption_that_opens_the_case_is_held_itself(strict_field: Field, mallory: UUID) -> None:
    for _ in range(MANY + 4):
        redemption = strict_field.play(mallory)
        if strict_field.container.cases.case_files_of(mallory):
            break
    else:
        raise AssertionError("that many at once are a burst")
    strict_field.deliver()
    assert _scores(strict_field, mallory) == (redemption.score - 1, redemption.score)
    assert strict_field.books() == []


def test_a_case_of_the_review_holds_too(strict_field: Field, mallory: UUID) -> None:
    ledger = HandLedger(strict_field.container)
    begin = datetime.now(UTC) - timedelta(seconds=90)
    player = ledger.player()
    for number in range(30):
        ledger.write(Event(player, "tap", begin + timedelta(seconds=number), seconds=0.5))
    strict_field.container.review.review_new()
    strict_field.score(player, 3)
    assert _scores(strict_field, player) == (0, 3)


@pytest.fixture
def held_case(strict_field: Field, mallory: UUID, other_players: list[UUID]) -> Iterator[UUID]:
    """Yield a case of a player with 1 public point and 11 held ones."""
    strict_field.score(mallory, 1)
    case = strict_field.suspect(mallory)
    strict_field.score(mallory, 7)
    strict_field.score(mallory, 4)
    strict_field.deliver()
    assert _scores(strict_field, mallory) == (1, 12)
    yield case
    strict_field.deliver()
    assert strict_field.books() == []


def test_clearing_releases_and_the_undo_holds_again(strict_field: Field, mallory: UUID, held_case: UUID) -> None:
    before = strict_field.standing(mallory)
    strict_field.container.decisions.decide(held_case, "cleared", BY)
    strict_field.deliver()
    assert strict_field.top()[1] == ("Mallory", 12, 2)
    strict_field.score(mallory, 1)
    strict_field.container.decisions.undo(held_case, BY)
    strict_field.deliver()
    assert _scores(strict_field, mallory) == (2, 13), "what was scored in between is not under the case"
    strict_field.container.decisions.decide(held_case, "cleared", BY)
    strict_field.container.decisions.undo(held_case, BY)
    assert strict_field.standing(mallory)[:2] == (2, 11)
    assert before[:2] == (1, 11)


def test_the_undo_gives_exactly_the_standing_there_was(strict_field: Field, mallory: UUID, held_case: UUID) -> None:
    before = strict_field.standing(mallory)
    for decision in DECISIONS:
        strict_field.container.decisions.decide(held_case, decision, BY)
        strict_field.container.decisions.undo(held_case, BY)
        assert strict_field.standing(mallory) == before


def test_confirming_voids_what_was_held(strict_field: Field, mallory: UUID, held_case: UUID) -> None:
    strict_field.container.decisions.decide(held_case, "confirmed", BY)
    strict_field.deliver()
    assert strict_field.standing(mallory)[:2] == (1, 0)
    assert [name for name, _, _ in strict_field.top()] == ["Anna", "Ben", "Cleo"]


def test_the_time_that_the_player_sees_is_not_that_of_a_voided_action(
    strict_field: Field, mallory: UUID, held_case: UUID
) -> None:
    pages, corrections = strict_field.container.board_pages, strict_field.container.corrections
    season = strict_field.container.standings.season(MAIN)
    before = pages.own(season, mallory, 0)[0].achieved_at
    assert before is not None
    strict_field.score(mallory, 20)
    assert pages.own(season, mallory, 0)[0].achieved_at != before
    selection = Selection(player_id=mallory, since=before + timedelta(microseconds=1))
    corrections.work(corrections.void(selection, actor=BY.actor, reason="test", request_id="test"))
    own = pages.own(season, mallory, 0)[0]
    assert (own.score, own.achieved_at) == (12, before)


def test_what_is_held_stays_held_when_the_player_is_suspended_and_reinstated(
    strict_field: Field, mallory: UUID, held_case: UUID
) -> None:
    strict_field.container.moderation.suspend(mallory, "test")
    assert strict_field.view(mallory).own["score"] == 12
    strict_field.container.moderation.reinstate(mallory, "test")
    strict_field.score(mallory, 1)
    strict_field.deliver()
    assert _scores(strict_field, mallory) == (1, 13)


def test_a_redemption_that_was_on_its_way_at_the_decision_is_released_by_the_sweep(
    strict_field: Field, mallory: UUID, held_case: UUID
) -> None:
    """Let a redemption read its player, then wait for the standing until the decision is committed."""
    database = strict_field.container.database
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%WITH who%'"
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as connection:
            QuarantineStore(database).hold(connection, mallory, None)
            late = pool.submit(strict_field.score, mallory, 5)
            eventually(lambda: database.rows(waiting))
        late.result()
    assert strict_field.standing(mallory)[:2] == (12, 5)
    assert strict_field.container.status_repair.sweep() == [mallory]
    assert strict_field.standing(mallory)[:2] == (17, 0)
    assert strict_field.container.status_repair.sweep() == []


def test_a_first_redemption_that_was_on_its_way_at_the_suspension_is_taken_off_by_the_sweep(
    strict_field: Field, mallory: UUID, other_players: list[UUID]
) -> None:
    strict_field.container.moderation.suspend(mallory, "test")
    strict_field.container.database.rows("UPDATE players SET status = 'active' WHERE id = :id RETURNING id", id=mallory)
    strict_field.score(mallory, 5)
    strict_field.container.database.rows(
        "UPDATE players SET status = 'suspended' WHERE id = :id RETURNING id", id=mallory
    )
    assert strict_field.container.status_repair.sweep() == [mallory]
    strict_field.deliver()
    assert len(strict_field.top()) == 3
    assert strict_field.books() == []


def test_a_redemption_that_was_on_its_way_at_the_decision_can_be_voided_before_the_sweep(
    strict_field: Field, mallory: UUID, held_case: UUID
) -> None:
    begun = strict_field.container.clock()
    strict_field.container.decisions.decide(held_case, "cleared", BY)
    database = strict_field.container.database
    with database.transaction() as connection:
        QuarantineStore(database).hold(connection, mallory, Hold(held_case))
    strict_field.score(mallory, 20)
    database.rows("UPDATE players SET held_under = NULL WHERE id = :id RETURNING id", id=mallory)
    selection = Selection(player_id=mallory, since=datetime.fromtimestamp(begun, UTC))
    correction = strict_field.container.corrections.void(selection, actor=BY.actor, reason="test", request_id="test")
    strict_field.container.corrections.work(correction)
    assert strict_field.standing(mallory)[:2] == (12, 0)
