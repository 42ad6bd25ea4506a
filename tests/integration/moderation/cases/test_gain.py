"""Players who gain unusually much, or enter a podium, are assessed at once: on real servers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from anticheat.rules import Signal
from app.containers.container import Container
from app.domain.cases import DECISIONS, Decision
from app.errors import NotFound
from app.stores.moderation.models import ModelFinding, ModelStore
from tests.integration.moderation.cases.parts import BY, Field, limit_gain

MINUTE = timedelta(minutes=1)


@pytest.fixture
def crowd(field: Field) -> list[UUID]:
    """Return twenty players with 10 to 29 points: the podium are two places."""
    players = [field.player(f"player {number}") for number in range(20)]
    for number, player in enumerate(players):
        field.score(player, 10 + number)
    field.container.gain_watch.watch()
    field.deliver()
    return players


@pytest.fixture
def mallory(field: Field, crowd: list[UUID]) -> UUID:
    return field.player("Mallory")


def _raise_suspicion(field: Field, player: UUID, points: float = 14.0) -> None:
    container = field.container
    thresholds = container.review._thresholds
    with container.database.transaction() as connection:
        signal = Signal("pattern", "seen", "expected", points)
        container.suspicions.add(connection, str(player), [signal], time.time(), thresholds)


def _watch(field: Field) -> tuple[list[UUID], list[UUID]]:
    """Return the players with a new case, and those that are held now."""
    summary = field.container.gain_watch.watch()
    field.deliver()
    assert field.books() == []
    return summary.cases, summary.holds


def _names(field: Field) -> list[str]:
    return [name for name, _, _ in field.top()]


def test_an_honest_keen_player_enters_the_podium_and_nothing_happens(field: Field, mallory: UUID) -> None:
    field.score(mallory, 1000)
    assert _watch(field) == ([], [])
    assert _names(field)[0] == "Mallory"
    assert field.container.cases.case_files_of(mallory) == []


def test_an_entrant_with_unusual_play_is_off_the_public_board_until_a_person_decides(
    field: Field, mallory: UUID
) -> None:
    for _ in range(10):
        field.score(mallory, 100)
    _raise_suspicion(field, mallory)
    assert _watch(field) == ([], [mallory])
    assert "Mallory" not in _names(field)
    view = field.view(mallory)
    assert (view.public["score"], view.own["score"], view.own["rank"]) == (0, 1000, 1)
    field.score(mallory, 5)
    assert _watch(field) == ([], []), "noticed already"
    assert field.view(mallory).own["score"] == 1005
    field.container.status_repair.sweep()
    assert "Mallory" not in _names(field)
    (file,) = field.container.cases.case_files_of(mallory)
    assert file.case.held
    assert "1,000 points in 24 hours, now in place 1; suspicion is 14, where 30 opens a case" in file.summary
    assert "tireless person" in file.summary


def test_an_entrant_of_two_podiums_is_looked_at_once_and_noted_on_both(field: Field, mallory: UUID) -> None:
    field.score(mallory, 1000)
    container = field.container
    container.database.rows(
        """
        WITH board AS (INSERT INTO boards (slug, name) VALUES ('second', 'Second') RETURNING id),
             season AS (INSERT INTO seasons (board_id, number) SELECT id, 1 FROM board RETURNING id)
        INSERT INTO standings (season_id, player_id, score, changes, achieved_at)
        SELECT season.id, player_id, score, changes, achieved_at FROM standings CROSS JOIN season RETURNING season_id
        """
    )
    looks = [container.gain_watch.watch().looks for _ in range(2)]
    assert looks[1:] == [0], looks
    (row,) = container.database.rows("SELECT count(*) AS podiums FROM podium_entries WHERE player_id = :id", id=mallory)
    assert row.podiums == 2


def test_the_model_is_asked_again_until_there_is_an_answer_and_then_once_an_hour(
    field: Field, mallory: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[UUID] = []

    @dataclass
    class Day:
        hand: float = 0.0

    def assess_day(player: UUID) -> Day:
        questions.append(player)
        if questions.count(mallory) < 3:
            raise NotFound("There are fewer than 30 completions.")
        return Day()

    monkeypatch.setattr(field.container.gain_watch, "_assess_day", assess_day)
    for _ in range(5):
        field.score(mallory, 1000)
        field.container.database.rows("UPDATE gain_looks SET looked_at = now() - interval '11 minutes' RETURNING 1")
        _watch(field)
    assert questions.count(mallory) == 3


def test_what_the_model_finds_strange_in_a_long_day_is_no_second_reason_for_a_hold(field: Field, mallory: UUID) -> None:
    container = field.container
    _raise_suspicion(field, mallory, 30.0)
    with container.database.transaction() as connection:
        finding = ModelFinding("hours", "play without its breaks: 17 h", "1 h is usual")
        store = ModelStore(container.database)
        store.add_signals(connection, mallory, [finding], datetime.now(UTC), added=30.0, suspicion=30.0)
        container.suspicions.open_case(connection, str(mallory), half_life=1800, hold=False)
    field.score(mallory, 1000)
    assert _watch(field) == ([], [])
    assert _names(field)[0] == "Mallory"
    _raise_suspicion(field, mallory)
    container.database.rows("UPDATE gain_looks SET looked_at = now() - interval '1 h' RETURNING 1")
    field.score(mallory, 1)
    assert _watch(field) == ([], [mallory])


def test_a_first_redemption_in_flight_when_the_hold_reached_back_is_settled_by_the_sweep(
    field: Field, mallory: UUID
) -> None:
    field.score(mallory, 1000)
    _raise_suspicion(field, mallory)
    _watch(field)
    # As a redemption leaves it that read its player before, and had no standing that the hold could lock.
    field.container.database.rows(
        "UPDATE standings SET score = held, held = 0 WHERE player_id = :player RETURNING 1", player=mallory
    )
    assert field.container.status_repair.sweep() == [mallory]
    field.deliver()
    assert field.books() == []
    assert "Mallory" not in _names(field)
    assert field.container.status_repair.sweep() == []


@pytest.mark.parametrize("decision", DECISIONS)
def test_a_decision_releases_or_voids_the_held_day_and_its_undo_restores_it(
    field: Field, mallory: UUID, decision: str
) -> None:
    field.score(mallory, 1000)
    _raise_suspicion(field, mallory)
    _watch(field)
    field.score(mallory, 7)
    field.deliver()
    before = field.standing(mallory)
    assert before[:2] == (0, 1007)
    (file,) = field.container.cases.case_files_of(mallory)
    field.container.decisions.decide(file.case.case_id, decision, BY)  # type: ignore[arg-type]
    field.deliver()
    assert field.books() == []
    assert field.standing(mallory)[:2] == ((1007, 0) if decision == "cleared" else (0, 0))
    assert ("Mallory" in _names(field)) == (decision == "cleared")
    field.container.decisions.undo(file.case.case_id, BY)
    field.deliver()
    assert field.books() == []
    after = field.standing(mallory)
    assert (after[:2], after[3]) == (before[:2], before[3])
    assert list(field.container.corrections.find_unsound()) == []


def test_a_cleared_player_is_not_asked_again_without_new_unusual_play(field: Field, mallory: UUID) -> None:
    field.score(mallory, 1000)
    _raise_suspicion(field, mallory)
    _watch(field)
    (file,) = field.container.cases.case_files_of(mallory)
    field.container.decisions.decide(file.case.case_id, "cleared", BY)
    for _ in range(3):
        field.score(mallory, 300)
        assert _watch(field) == ([], [])
    assert _names(field)[0] == "Mallory"
    _raise_suspicion(field, mallory)
    field.container.database.rows("UPDATE gain_looks SET looked_at = looked_at - interval '1 h' RETURNING 1")
    field.score(mallory, 1)
    assert _watch(field) == ([], [mallory]), "no immunity"
    assert field.view(mallory).public["score"] == 1000, "what a person has cleared stays"


@pytest.mark.parametrize("decision", DECISIONS)
def test_a_decision_that_lies_ahead_hides_no_gain_of_today(field: Field, crowd: list[UUID], decision: Decision) -> None:
    """Let a case be decided while the clock is a year ahead."""
    container, player = field.container, crowd[0]
    limit_gain(field, 1000)
    container.decisions.decide(field.suspect(player), decision, BY)
    container.moderation.reinstate(player, "test")
    container.database.rows("UPDATE cases SET decided_at = now() + interval '1 year' RETURNING id")
    container.database.rows("UPDATE suspicion SET cleared_at = now() + interval '1 year' RETURNING player_id")
    field.score(player, 1600)
    assert _watch(field) == ([player], [])


def test_a_look_of_the_future_delays_no_look(field: Field, crowd: list[UUID]) -> None:
    player = crowd[0]
    limit_gain(field, 1000)
    field.score(player, 1300)
    assert _watch(field) == ([], [])
    ahead = "UPDATE gain_looks SET looked_at = now() + interval '1 year', next_points = 10000000 RETURNING 1"
    field.container.database.rows(ahead)
    field.score(player, 300)
    assert _watch(field) == ([player], [])


def test_limits_of_the_future_are_made_anew(field: Field, crowd: list[UUID]) -> None:
    limit_gain(field, 1e9)
    field.container.database.rows("UPDATE gain_progress SET limits_at = now() + interval '1 year' RETURNING 1")
    field.score(crowd[0], 1_000_000)
    assert _watch(field) == ([crowd[0]], [])


def test_more_than_the_ceiling_is_a_case_even_with_nothing_unusual(field: Field, crowd: list[UUID]) -> None:
    limit_gain(field, 1000)
    player = crowd[0]
    field.score(player, 1490)
    assert _watch(field) == ([], [])
    field.score(player, 1)
    assert _watch(field) == ([player], [])
    assert field.view(player).public["score"] == 1501, "nothing is held"
    field.score(player, 1)
    assert _watch(field) == ([], [])
    (file,) = field.container.cases.case_files_of(player)
    assert "1,501 points in 24 hours" in file.summary
    assert "at most 1,500, where 1,000 are the 99th percentile, by the days of 500 honest accounts" in file.summary
    field.container.decisions.decide(file.case.case_id, "cleared", BY)
    field.score(player, 1400)
    assert _watch(field) == ([], [])


@pytest.mark.parametrize(("added", "is_held"), [(0.01, False), (30.0, True)])
def test_only_evidence_that_would_have_opened_the_case_makes_it_another_reason(
    field: Field, crowd: list[UUID], added: float, is_held: bool
) -> None:
    limit_gain(field, 1000)
    container, player = field.container, crowd[0]
    field.score(player, 1600)
    assert _watch(field) == ([player], [])
    signals = [Signal("timing", "seen", "expected", added)]
    with container.database.transaction() as connection:
        container.suspicions.add_signals(
            connection, str(player), str(uuid4()), "tap", signals, suspicion=added, outcome="flag", at=time.time()
        )
        container.suspicions.open_case(connection, str(player), half_life=1800, hold=False)
    field.score(player, 1600)
    assert _watch(field) == ([], [player] if is_held else [])


def test_between_the_limits_only_the_unusual_is_held(field: Field, crowd: list[UUID]) -> None:
    limit_gain(field, 1000)
    usual, unusual = crowd[:2]
    _raise_suspicion(field, unusual)
    for player in (usual, unusual):
        field.score(player, 1300)
    assert _watch(field) == ([], [unusual])


def test_a_new_action_type_that_pays_more_raises_the_limits_at_once(field: Field, crowd: list[UUID]) -> None:
    field.score(crowd[0], 100_000)
    values = {"slug": "jackpot", "name": "Jackpot", "points": 1000, "min_seconds": 0}
    with field.container.database.transaction() as connection:
        field.container.catalog.add_action_type(connection, values, ["main"])
    assert _watch(field) == ([], [])


@pytest.mark.parametrize("change", [{"points": 5000}, {"expected_median_seconds": 900, "expected_p95_seconds": 1200}])
def test_a_changed_action_type_changes_the_limits_at_once(
    field: Field, crowd: list[UUID], change: dict[str, float]
) -> None:
    container = field.container
    dungeon = max(container.actions.types(), key=lambda kind: kind.points or 0)
    for kind in container.actions.types():
        if kind.slug != dungeon.slug:
            container.actions.change(kind.slug, {"points": 1})
    _watch(field)
    before = container.gain_watch.view().limits
    container.actions.change(dungeon.slug, change)
    _watch(field)
    assert container.gain_watch.view().limits.usual != before.usual


def test_on_a_board_of_eight_the_first_place_is_nothing_unusual(field: Field) -> None:
    players = [field.player(f"player {number}") for number in range(8)]
    for player in players:
        _raise_suspicion(field, player)
        field.score(player, 100)
    assert _watch(field) == ([], [])


def test_switched_off_it_only_counts(field: Field, crowd: list[UUID]) -> None:
    settings = field.container.settings.model_copy(update={"gain_watch": False})
    silent = Container(settings)
    field.score(crowd[0], 1_000_000)
    assert silent.gain_watch.watch().looks == 0
    silent.close()
    assert _watch(field) == ([crowd[0]], [])


def test_a_hold_by_the_rules_reaches_back_to_its_evidence_within_seconds(field: Field, mallory: UUID) -> None:
    # Nine in three seconds are a burst that a busy machine reaches too.
    field.container.database.rows("UPDATE action_types SET burst = 5 WHERE slug = 'tap' RETURNING id")
    for _ in range(20):
        field.play(mallory)
    field.deliver()
    held = field.standing(mallory)[1]
    public_before = 20 - held
    assert 0 < held < 20
    assert field.container.holds.reach_back() == [mallory]
    assert field.container.holds.reach_back() == []
    field.deliver()
    assert field.books() == []
    public, held, _, _ = field.standing(mallory)
    assert (public + held, public) == (20, 6), "the 7th is the first evidence that counts a point"
    assert public < public_before
