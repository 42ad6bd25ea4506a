"""Voids and restores whose batches would pass the highest score on their way to standings within it."""

from __future__ import annotations

from itertools import accumulate
from uuid import UUID

import pytest

from app.containers.container import Container
from app.domain.boards import MAX_SCORE
from app.domain.corrections import Selection
from app.errors import Conflict
from tests.integration.cli.conftest import runner
from tests.integration.moderation.corrections.conftest import BY, MATCH, TAP, Ledger

# Half of these voided first would leave 2 * MAX_SCORE; of the voids of the second kind, restored last first, too.
RISES, SINKS = (-MAX_SCORE, MAX_SCORE, MAX_SCORE, -5), (MAX_SCORE, -MAX_SCORE, -MAX_SCORE, 5)


@pytest.fixture(params=[RISES, SINKS], ids=["rises", "sinks"])
def history(request: pytest.FixtureRequest) -> tuple[int, ...]:
    results: tuple[int, ...] = request.param
    assert all(abs(total) <= MAX_SCORE for total in accumulate(results))
    return results


def _hold(container: Container, player: UUID) -> None:
    container.database.rows("UPDATE players SET held_under = id WHERE id = :id RETURNING id", id=player)


@pytest.mark.parametrize("is_held", [False, True], ids=["public", "held"])
def test_only_the_standings_at_the_end_count(ledger: Ledger, history: tuple[int, ...], is_held: bool) -> None:
    extreme, honest = ledger.player(), ledger.player()
    if is_held:
        _hold(ledger.container, extreme)
    for points in history:
        ledger.redeem(extreme, points)
        ledger.redeem(honest, 1)
    before = ledger.standings()
    ledger.container.corrections.batch = 2
    void = ledger.void(Selection(action_type_id=TAP))
    assert ledger.container.corrections.get(void).events == 8
    assert [row[1:3] for row in ledger.standings()] == [(0, 0), (0, 0)]
    assert ledger.wrong() == []
    restore = ledger.restore(void)
    assert ledger.container.corrections.get(restore).events == 8
    assert ledger.standings() == before
    assert ledger.wrong() == []


def test_the_workers_finish_it_too(ledger: Ledger, history: tuple[int, ...]) -> None:
    extreme = ledger.player()
    for points in history:
        ledger.redeem(extreme, points)
    ledger.container.corrections.batch = 1
    void = ledger.container.corrections.void(Selection(player_id=extreme), **BY)
    assert [correction.state for correction in ledger.container.corrections.resume_all(20.0)] == ["done"]
    assert ledger.container.corrections.get(void).events == len(history)
    assert ledger.wrong() == []


def test_a_void_that_leaves_too_much_is_refused_and_nothing_of_it_is_done(ledger: Ledger) -> None:
    extreme = ledger.player()
    ledger.redeem(extreme, MAX_SCORE)
    ledger.redeem(extreme, -MAX_SCORE, MATCH)
    ledger.redeem(extreme, 1)
    before = ledger.standings()
    run = runner(ledger.container)
    for end in ("--dry-run", "--yes"):
        result = run("leaderboard", "void", "--action-type", "quick-match", "--reason", "a test", end)
        assert (result.exit_code, "Nothing was voided" in result.stderr) == (1, True), end
    with pytest.raises(Conflict, match=r"past 9007199254740991.* Nothing was voided"):
        ledger.container.corrections.void(Selection(action_type_id=MATCH), **BY)
    assert ledger.container.corrections.page(limit=10) == []
    assert ledger.container.database.rows("SELECT FROM audit_log") == []
    assert ledger.standings() == before
    ledger.void(Selection(player_id=extreme))
    assert ledger.standings()[0][1] == 0


def test_a_dry_run_of_a_restore_that_leaves_too_much_is_refused_like_the_restore(ledger: Ledger) -> None:
    extreme = ledger.player()
    ledger.redeem(extreme, MAX_SCORE)
    void = str(ledger.void(Selection(player_id=extreme)))
    ledger.redeem(extreme, 1)
    run = runner(ledger.container)
    for end in ("--dry-run", "--yes"):
        result = run("leaderboard", "restore", void, "--reason", "a test", end)
        assert (result.exit_code, "Nothing was restored" in result.stderr) == (1, True), end


def test_a_hold_that_would_part_the_points_past_it_changes_nothing_and_delays_nobody(ledger: Ledger) -> None:
    container, half = ledger.container, MAX_SCORE // 2 + 1
    extreme, other = ledger.player(), ledger.player()
    for player, results in ((extreme, (half, -half, -half)), (other, (1, 2))):
        for points in results:
            ledger.redeem(player, points)
    before = ledger.standings()
    container.database.rows(
        """
        UPDATE players SET held_under = id, held_until = now() + interval '1 hour', released_at = (
            SELECT min(created_at) + interval '1 microsecond' FROM score_events e WHERE e.player_id = players.id
        ) RETURNING id
        """
    )
    container.database.rows(
        """
        INSERT INTO signals (player_id, action_id, action_type, rule, seen, expected, added, suspicion, outcome, at)
        SELECT id, id, 'tap', 'timing', '', '', 50, 50, 'hold', now() - interval '1 hour' FROM players RETURNING id
        """
    )
    assert container.holds.reach_back() == [other]
    assert [row for row in ledger.standings() if row[0] == extreme] == [row for row in before if row[0] == extreme]
    assert {row[0]: row[1:3] for row in ledger.standings()}[other] == (1, 2)
    assert ledger.wrong() == []
    ledger.void(Selection(player_id=extreme))
    assert container.holds.reach_back() == [], "without points it reaches back, and no board changes"
    assert container.database.rows("SELECT FROM players WHERE held_since IS NULL") == []
