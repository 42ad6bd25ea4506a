"""Voids and restores, on a ledger that the product itself has written."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from app.containers.container import Container
from app.domain.corrections import Selection
from app.errors import Conflict, InvalidRequest, NotFound
from app.stores.boards.counting import NEWEST_REVERSAL
from tests.integration.moderation.corrections.conftest import BY, MATCH, TAP, Ledger


def _now(ledger: Ledger) -> datetime:
    now: datetime = ledger.container.database.rows("SELECT clock_timestamp() AS now")[0].now
    return now


def test_a_void_takes_the_points_back_and_a_restore_gives_exactly_the_standing_there_was(ledger: Ledger) -> None:
    cheat, honest = ledger.player(), ledger.player()
    for points in (5, 7, 9):
        ledger.redeem(cheat, points)
        ledger.redeem(honest, 1)
    before, board = ledger.standings(), ledger.board()
    void = ledger.void(Selection(player_id=cheat))
    assert [row["user_id"] for row in ledger.board()] == [str(honest)]
    assert ledger.container.standings.standing(cheat).as_row()["score"] == 0
    assert ledger.container.standings.standing(cheat).achieved_at is None
    ledger.restore(void)
    assert (ledger.standings(), ledger.board()) == (before, board)
    assert ledger.wrong() == []
    kinds = ledger.container.database.rows("SELECT kind, count(*) AS n FROM score_events GROUP BY kind ORDER BY kind")
    assert [(row.kind, row.n) for row in kinds] == [("redeem", 6), ("restore", 3), ("void", 3)]


def test_a_tie_is_again_in_the_order_in_which_it_was(ledger: Ledger) -> None:
    first, second = ledger.player(), ledger.player()
    ledger.redeem(first, 4)
    ledger.redeem(second, 4)
    ledger.redeem(first, 3)
    moment = _now(ledger)
    ledger.redeem(second, 3)
    board = ledger.board()
    void = ledger.void(Selection(player_id=second, since=moment))
    assert [(row["score"], row["rank"]) for row in ledger.board()] == [(7, 1), (4, 2)]
    ledger.restore(void)
    assert ledger.board() == board
    assert [row["rank"] for row in board] == [1, 1]


def test_only_what_is_selected_is_voided(ledger: Ledger) -> None:
    anna, ben = ledger.player(), ledger.player()
    ledger.redeem(anna, 1)
    ledger.redeem(anna, 10, MATCH)
    moment = _now(ledger)
    ledger.redeem(anna, 100, MATCH)
    ledger.redeem(ben, 1000, MATCH)
    ledger.void(Selection(action_type_id=MATCH, since=moment))
    assert {row[0]: row[1] for row in ledger.standings()} == {anna: 11, ben: 0}
    ledger.void(Selection(player_id=anna, until=moment))
    assert {row[0]: row[1] for row in ledger.standings()} == {anna: 0, ben: 0}
    assert ledger.wrong() == []


def test_what_came_in_between_counts_beside_what_is_restored(ledger: Ledger) -> None:
    anna = ledger.player()
    ledger.redeem(anna, 5)
    void = ledger.void(Selection(player_id=anna))
    ledger.redeem(anna, 3)
    at = ledger.standings()[0][3]
    ledger.restore(void)
    assert [row[1] for row in ledger.standings()] == [8]
    assert ledger.standings()[0][3] == at, "the newest event that counts is still that of the 3"
    assert ledger.wrong() == []


def test_an_event_belongs_to_the_correction_that_voided_it_first(ledger: Ledger) -> None:
    anna = ledger.player()
    ledger.redeem(anna, 5)
    moment = _now(ledger)
    ledger.redeem(anna, 7)
    late = ledger.void(Selection(player_id=anna, since=moment))
    whole = ledger.void(Selection(player_id=anna))
    assert ledger.container.corrections.get(whole).points == 5
    ledger.restore(late)
    assert [row[1] for row in ledger.standings()] == [7]
    again = ledger.void(Selection(player_id=anna))
    assert ledger.container.corrections.get(again).events == 1
    ledger.restore(again)
    ledger.restore(whole)
    assert [row[1] for row in ledger.standings()] == [12]
    assert ledger.wrong() == []


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_voided_and_restored_in_whatever_order_the_sums_are_right(ledger: Ledger, seed: int) -> None:
    rng = random.Random(seed)
    players = [ledger.player() for _ in range(3)]
    voids: list[UUID] = []
    moments = [_now(ledger)]
    acts: list[Callable[[], object]] = [
        lambda: ledger.redeem(rng.choice(players), rng.randint(1, 9), rng.choice([TAP, MATCH])),
        lambda: voids.append(ledger.void(Selection(player_id=rng.choice(players), since=rng.choice(moments)))),
        lambda: voids.append(ledger.void(Selection(action_type_id=rng.choice([TAP, MATCH])))),
        lambda: ledger.restore(voids.pop(rng.randrange(len(voids)))) if voids else None,
    ]
    for _ in range(40):
        rng.choices(acts, [6, 1, 1, 2])[0]()
        moments.append(_now(ledger))
    assert ledger.wrong() == []
    while voids:
        ledger.restore(voids.pop())
    assert ledger.wrong() == []
    sums = ledger.container.database.rows("SELECT sum(points) AS n FROM score_events WHERE kind = 'redeem'")
    assert sum(row[1] for row in ledger.standings()) == sums[0].n


def test_a_dry_run_says_who_moves_and_changes_nothing(ledger: Ledger) -> None:
    cheat, second, third = ledger.player(), ledger.player(), ledger.player()
    for player, points in ((cheat, 50), (second, 20), (third, 10)):
        ledger.redeem(player, points)
    before = ledger.standings()
    preview = ledger.container.corrections.preview(Selection(player_id=cheat))
    moves = [(row["player_id"], row["rank_before"], row["rank_after"], row["score_after"]) for row in preview.rows]
    assert moves == [(cheat, 1, None, 0), (second, 2, 1, 20), (third, 3, 2, 10)]
    assert (preview.events, preview.points, preview.players, preview.moving) == (1, 50, 1, 3)
    assert ledger.standings() == before
    assert ledger.container.database.rows("SELECT FROM corrections") == []
    void = ledger.void(Selection(player_id=cheat))
    back = ledger.container.corrections.preview(Selection(player_id=cheat), restores_id=void)
    assert [(row["player_id"], row["rank_before"], row["rank_after"]) for row in back.rows] == [
        (cheat, None, 1),
        (second, 1, 2),
        (third, 2, 3),
    ]


def test_what_can_not_be_is_refused(ledger: Ledger) -> None:
    corrections = ledger.container.corrections
    with pytest.raises(InvalidRequest):
        corrections.void(Selection(), **BY)
    with pytest.raises(NotFound):
        corrections.restore(uuid4(), **BY)
    anna = ledger.player()
    ledger.redeem(anna)
    void = ledger.void(Selection(player_id=anna))
    back = ledger.restore(void)
    for taken_back in (void, back):
        with pytest.raises(Conflict):
            corrections.restore(taken_back, **BY)


def test_each_is_in_the_audit_log(ledger: Ledger) -> None:
    anna = ledger.player()
    ledger.redeem(anna)
    ledger.restore(ledger.void(Selection(player_id=anna)))
    acts = ledger.container.database.rows("SELECT act, actor FROM audit_log ORDER BY id")
    assert [(row.act, row.actor) for row in acts] == [
        ("leaderboard.void", "cli:tests"),
        ("leaderboard.restore", "cli:tests"),
    ]


def test_the_newest_event_of_an_action_is_found_by_its_own_index_whatever_is_known_of_the_rest(
    container: Container, ledger: Ledger
) -> None:
    """Keep statistics from before the first void: they make the planner take every index of voids for empty."""
    player = ledger.player()
    for _ in range(500):
        ledger.redeem(player)
    with container.database.statement() as connection:
        connection.execute(sa.text("ANALYZE score_events"))
    ledger.void(Selection(player_id=player))
    rows = container.database.rows(f"EXPLAIN SELECT reversal.id FROM score_events e {NEWEST_REVERSAL} WHERE e.id = 7")
    plan = "\n".join(row[0] for row in rows)
    assert "ix_score_events_corrected" in plan
    assert "uq_score_events_voids" not in plan
    rows = container.database.rows("EXPLAIN SELECT id FROM score_events WHERE correction_id = gen_random_uuid()")
    assert "ix_score_events_correction_before " in "\n".join(row[0] for row in rows)
