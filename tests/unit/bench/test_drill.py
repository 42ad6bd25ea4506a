"""A drill without an effect has failed, and every fault names the effect that it needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from bench.faults.boundary import untouched
from bench.faults.drill import SHORT, DrillOutcome
from bench.faults.faults import FAULTS
from bench.faults.load import Phase
from bench.faults.report import as_json, faults_part, line
from bench.faults.scene import Fault, Scene
from bench.faults.touch import BEGAN, DEAD_LETTERS, EVERYTHING, SOCKETS, TASKS


def phase_of(*, saw: dict[str, int] | None = None, endings: dict[str, int] | None = None) -> Phase:
    """Return a phase in which nothing happened besides these answers and endings."""
    return Phase([], saw or {}, 0.0, 0.0, 0.0, 0, endings or {})


def scene_of(parts: Mapping[str, Any], folder: Path = Path(), letters: Counter[str] | None = None) -> Scene:
    """Return the values of a scene that touches read: processes with their pids, files, dead letters."""
    books = SimpleNamespace(count_dead_letters=lambda: Counter(letters))
    return cast("Scene", SimpleNamespace(cluster=SimpleNamespace(processes=parts), folder=folder, books=books))


def outcome(touched: int) -> DrillOutcome:
    """Return a drill whose promises all held, provided that it touched a client."""
    fault = Fault("ws", "a WebSocket server killed", lambda scene: None, SOCKETS)
    return DrillOutcome(fault, phase_of(), 1.0, touched, fault.touch.missing(touched))


def test_a_drill_that_touched_nobody_is_reported_as_failed_with_the_reason() -> None:
    idle, effective = outcome(0), outcome(50)
    assert idle.wrong == ["had no effect: no sockets cut off"]
    assert as_json(idle)["held"] is False
    assert line(idle).startswith("FAILED")
    assert effective.wrong == []
    assert line(effective).startswith("held")
    assert "touched 50 sockets cut off" in line(effective)


def test_the_page_has_the_least_that_was_touched_of_all_runs() -> None:
    text = faults_part([[outcome(50)], [outcome(7)], [outcome(20)]], SHORT)
    assert "| 7 sockets cut off" in text
    assert "3 of 3" in text
    assert "2 of 3" in faults_part([[outcome(50)], [outcome(0)], [outcome(20)]], SHORT)


def test_every_fault_says_what_it_has_to_touch() -> None:
    assert all(fault.touch.unit for fault in FAULTS)
    assert len({fault.slug for fault in FAULTS}) == len(FAULTS)


def test_sockets_that_ended_in_another_way_were_not_cut_off() -> None:
    count = SOCKETS.begin(None)  # type: ignore[arg-type]  # it reads only the clients' answers
    assert count(phase_of()) == 0
    assert count(phase_of(endings={"closed with 1013": 5})) == 0
    assert count(phase_of(endings={"closed with 1013": 5, "cut off": 3})) == 3


def test_answers_that_failed_are_those_that_did_not_come_or_were_5xx() -> None:
    saw = {"200": 50, "201": 50, "403 token_already_used": 1, "503 unavailable": 4, "no answer": 2}
    parts = {"api-1": SimpleNamespace(pid=1), "nginx": SimpleNamespace(pid=2)}
    both = EVERYTHING.begin(scene_of(parts))
    parts.update({"api-1": SimpleNamespace(pid=3), "nginx": SimpleNamespace(pid=4)})
    assert both(phase_of(saw=saw)) == 0
    assert both(phase_of(saw=saw, endings={"cut off": 100})) == 6
    assert both(phase_of(saw={"200": 50}, endings={"cut off": 100})) == 0


def test_everything_has_not_ended_while_a_process_is_the_one_of_before() -> None:
    parts = {"api-1": SimpleNamespace(pid=1), "nginx": SimpleNamespace(pid=2)}
    count = EVERYTHING.begin(scene_of(parts))
    parts["nginx"] = SimpleNamespace(pid=4)
    assert count(phase_of(saw={"503 unavailable": 9}, endings={"cut off": 9})) == 0


def test_a_worker_was_lost_where_another_one_began_its_task_again(tmp_path: Path) -> None:
    count = TASKS.begin(scene_of({}, tmp_path))
    began = [tmp_path / f"task-{number}" / BEGAN for number in range(3)]
    for file, pids in zip(began, ("7\n", "7\n8\n", ""), strict=True):
        file.parent.mkdir()
        file.write_text(pids)
    assert count(phase_of()) == 1
    assert TASKS.begin(scene_of({}, tmp_path))(phase_of()) == 0


def test_a_dead_letter_that_no_worker_died_of_is_no_effect(tmp_path: Path) -> None:
    letters: Counter[str] = Counter()
    count = DEAD_LETTERS.begin(scene_of({}, tmp_path, letters))
    letters["drill.die"] += 1
    assert count(phase_of()) == 0
    file = tmp_path / "task-1" / BEGAN
    file.parent.mkdir()
    file.write_text("7\n8\n9\n")
    assert count(phase_of()) == 1


def test_a_season_that_ends_without_any_redemption_around_it_proves_nothing() -> None:
    assert untouched(0.0) == ["had no effect: nothing was redeemed around the end of a season"]
    assert untouched(0.5) == []
