"""Calibration of action types from a real ledger, and on the command line."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from app.containers.container import Container
from app.domain.calibration import Rhythm
from app.errors import NotFound
from app.services.operations.checks import action_types, rhythms
from tests.integration.cli.conftest import Run, RunJson
from tests.integration.cli.conftest import run as run
from tests.integration.cli.conftest import run_json as run_json
from tests.integration.moderation.ledgers import Event, HandLedger

SINCE = timedelta(days=30)


@pytest.fixture
def ledger(container: Container) -> HandLedger:
    return HandLedger(container)


def _add_people(ledger: HandLedger, count: int = 25, plays: int = 30, slug: str = "puzzle") -> list[UUID]:
    """Add players that need 10 to 20 seconds; the intervals are twice that: `write_stretches` issues half way."""
    rng, begin = random.Random(1), datetime.now(UTC) - timedelta(hours=6)
    players = [ledger.player() for _ in range(count)]
    ledger.write_stretches([(player, begin, [rng.uniform(20, 40) for _ in range(plays)]) for player in players], slug)
    return players


def test_times_are_proposed_from_the_honest_and_applied_on_demand(
    container: Container, ledger: HandLedger, run: Run, run_json: RunJson, tmp_path: Path
) -> None:
    container.actions.change("puzzle", {"min_seconds": 2.0})
    people = _add_people(ledger)
    suspended, suspected, cleared = ledger.player(), ledger.player(), ledger.player()
    begin = datetime.now(UTC) - timedelta(hours=1)
    ledger.write_stretches([(player, begin, [6.0] * 100) for player in (suspended, suspected)], "puzzle")
    ledger.write_stretches([(cleared, begin, [30.0] * 100)], "puzzle")
    container.moderation.suspend(suspended, "test")
    for player, state in ((suspected, "open"), (cleared, "cleared")):
        container.database.rows(
            "INSERT INTO cases (id, player_id, state) VALUES (gen_random_uuid(), :player, :state) RETURNING id",
            player=player,
            state=state,
        )
    (calibration,) = run_json("anticheat", "calibrate", "puzzle")
    assert (calibration["players"], calibration["completions"]) == (len(people) + 1, 25 * 30 + 100)
    assert 10 <= calibration["seconds"]["fastest"] < 11, "those under suspicion, who need 3, don't count"
    assert calibration["proposed"]["min_seconds"] in (9.0, 9.1, 9.2, 9.3)
    assert 14 <= calibration["proposed"]["expected_median_seconds"] <= 16
    assert 18 <= calibration["proposed"]["expected_p95_seconds"] <= 20
    assert sum(part["count"] for part in calibration["histogram"]) == calibration["completions"]
    assert calibration["applied"] is False

    drawing = tmp_path / "puzzle.svg"
    output = run("anticheat", "calibrate", "puzzle", "--svg", str(drawing)).stdout
    assert "#####" in output
    assert "< min 2 s" not in output, "the minimum is outside the picture"
    assert "flask actions change puzzle --min-seconds 9" in output
    assert "--min-is-statistic" in output
    assert "puzzle: 850 completions of 26 players" in drawing.read_text()

    assert "Changed as proposed." in run("anticheat", "calibrate", "puzzle", "--apply", "--yes").stdout
    (puzzle,) = [kind for kind in container.actions.types() if kind.slug == "puzzle"]
    assert puzzle.min_seconds == calibration["proposed"]["min_seconds"]
    assert not puzzle.min_is_fact, "a statistic opens cases only, until an operator declares it a fact"
    assert puzzle.expected_median_seconds == calibration["proposed"]["expected_median_seconds"]
    acts = container.database.rows("SELECT act, subject, actor FROM audit_log ORDER BY id DESC LIMIT 1")
    assert (acts[0].act, acts[0].subject) == ("action_type.changed", "action_type:puzzle")
    assert acts[0].actor.startswith("cli:")
    (again,) = run_json("anticheat", "calibrate", "puzzle", "--apply", "--yes")
    assert (again["proposed"], again["applied"]) == ({}, False)


def test_one_player_does_not_decide_what_is_usual(container: Container, ledger: HandLedger) -> None:
    _add_people(ledger)
    grinder = ledger.player()
    ledger.write_stretches([(grinder, datetime.now(UTC) - timedelta(hours=5), [6.0] * 2500)], "puzzle")
    (calibration,) = container.calibration.measure(datetime.now(UTC) - SINCE, "puzzle")
    assert calibration.times is not None
    assert calibration.times.completions == 25 * 30 + 200
    assert calibration.times.median > 12


def test_what_was_voided_or_is_older_does_not_count(container: Container, ledger: HandLedger) -> None:
    player = ledger.player()
    for days in (1, 2, 40):
        ledger.write(Event(player, "tap", datetime.now(UTC) - timedelta(days=days), seconds=float(days)))
    (calibration,) = container.calibration.measure(datetime.now(UTC) - SINCE, "tap")
    assert calibration.times is not None
    assert calibration.times.completions == 2
    assert calibration.times.fastest == pytest.approx(1.0)


def test_time_runs_from_the_previous_completion_as_the_rule_has_it(container: Container, ledger: HandLedger) -> None:
    player, at = ledger.player(), datetime.now(UTC) - timedelta(hours=1)
    for number in range(3):  # issued together, completed one second apart
        ledger.write(Event(player, "tap", at + timedelta(seconds=number), seconds=10.0 + number))
    (calibration,) = container.calibration.measure(datetime.now(UTC) - SINCE, "tap")
    assert calibration.times is not None
    assert sorted(calibration.times.bins) == [(0, 2), (10, 1)]


def test_without_play_or_type_it_says_so(container: Container, run: Run) -> None:
    output = run("anticheat", "calibrate").stdout
    assert "tap: no player has completed it in that time." in output
    with pytest.raises(NotFound):
        container.calibration.measure(datetime.now(UTC), "nothing")
    assert run("anticheat", "calibrate", "--svg", "x.svg").exit_code == 2
    assert run("anticheat", "calibrate", "tap", "--svg", "x.svg").stderr.endswith("there is nothing to draw.\n")


def test_an_expected_time_without_a_minimum_is_warned_of(
    container: Container, ledger: HandLedger, run: Run, run_json: RunJson
) -> None:
    container.actions.change("puzzle", {"expected_median_seconds": 15.0, "expected_p95_seconds": 20.0})
    container.actions.change("puzzle", {"min_seconds": 0.0})
    _add_people(ledger, count=2)
    assert "Warning: it has an expected median and no minimum" in run("anticheat", "calibrate", "puzzle").stdout
    (calibration,) = run_json("anticheat", "calibrate", "puzzle")
    assert calibration["lacks_minimum"] is True
    (check,) = action_types(container.actions.types())
    assert (check.state, check.message.split(":")[0]) == ("note", "puzzle")
    container.actions.change("puzzle", {"min_seconds": 8.0})
    assert "Warning" not in run("anticheat", "calibrate", "puzzle").stdout
    assert list(action_types(container.actions.types())) == []


def _add_songs(ledger: HandLedger, count: int, spread: float) -> list[UUID]:
    """Add players whose puzzles come every 30 seconds, more or less by `spread`."""
    rng, begin = random.Random(2), datetime.now(UTC) - timedelta(minutes=50)
    players = [ledger.player() for _ in range(count)]
    intervals = [[30 + rng.gauss(0, spread) for _ in range(40)] for _ in players]
    ledger.write_stretches([(player, begin, own) for player, own in zip(players, intervals, strict=True)], "puzzle")
    return players


def test_where_most_players_are_clockwork_their_clients_set_the_pace(
    container: Container, ledger: HandLedger, run: Run, run_json: RunJson
) -> None:
    songs = _add_songs(ledger, 20, spread=0.005)
    _add_songs(ledger, 19, spread=0.3)
    with container.database.transaction() as connection:
        for player in songs[:15]:  # the rhythm rule has blamed them already
            container.suspicions.open_case(connection, str(player), half_life=1800.0, hold=False)
    doctor = {(check.part, check.message.split(":")[0]) for check in container.doctor.examine()}
    assert ("action types", "puzzle") in doctor
    (calibration,) = run_json("anticheat", "calibrate", "puzzle")
    assert calibration["cadence"] == {"now": "player", "proposed": "client", "players": 39, "even": 20}
    output = run("anticheat", "calibrate", "puzzle").stdout
    assert "cadence: 20 of 39 players are as even as clockwork." in output
    assert " --cadence client" in output
    assert run_json("anticheat", "calibrate", "puzzle", "--apply", "--yes")[0]["applied"] is True
    (puzzle,) = [kind for kind in container.actions.types() if kind.slug == "puzzle"]
    assert puzzle.cadence == "client"
    (calibration,) = run_json("anticheat", "calibrate", "puzzle")
    assert calibration["cadence"]["proposed"] is None
    assert list(rhythms(container.actions.types(), {"puzzle": Rhythm(39, 20)})) == []


def test_a_few_bots_set_no_pace(container: Container, ledger: HandLedger, run_json: RunJson) -> None:
    bots = _add_songs(ledger, 20, spread=0.005)
    _add_songs(ledger, 20, spread=0.03)
    (calibration,) = run_json("anticheat", "calibrate", "puzzle")
    assert calibration["cadence"] == {"now": "player", "proposed": None, "players": 40, "even": 20}
    _add_songs(ledger, 1, spread=0.005)
    for bot in bots[:3]:
        container.moderation.suspend(bot, "test")
    (calibration,) = run_json("anticheat", "calibrate", "puzzle")
    assert calibration["cadence"] == {"now": "player", "proposed": None, "players": 38, "even": 18}
    assert not Rhythm(players=19, even=19).is_of_clients, "too few to tell"


def test_limits_of_plausible_results_are_proposed_from_the_honest(
    container: Container, run: Run, run_json: RunJson
) -> None:
    run_json("actions", "add", "race", "--result-kind", "reported", "--result-is-duration")
    run_json("actions", "add", "coins", "--result-kind", "reported")
    ledger, begin = HandLedger(container), datetime.now(UTC) - timedelta(hours=3)
    players = [ledger.player() for _ in range(20)]
    with container.database.transaction() as connection:
        for number in range(600):
            at, player = begin + timedelta(seconds=number * 17), players[number % 20]
            ledger.write(Event(player, "race", at, points=10_000 + number % 91 * 10, seconds=10.0), connection)
            ledger.write(Event(player, "coins", at, points=number % 91, seconds=10.0), connection)
    rows = {row["slug"]: row for row in run_json("anticheat", "calibrate")}
    assert rows["race"]["proposed"]["slack_seconds"] == 1.0
    assert rows["coins"]["proposed"]["max_per_second"] == 10.0
    assert rows["race"]["now"]["slack_seconds"] is None
    assert "slack_seconds" not in rows["puzzle"]["now"]
    assert "--slack-seconds 1" in run("anticheat", "calibrate", "race").stdout
    run_json("anticheat", "calibrate", "race", "--apply", "--yes")
    (race,) = [kind for kind in container.actions.types() if kind.slug == "race"]
    assert race.slack_seconds == 1.0
