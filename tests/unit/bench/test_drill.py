"""A drill without an effect has failed, and every fault names the effect that it needs."""

from __future__ import annotations

from bench.faults.drill import SHORT, DrillOutcome
from bench.faults.faults import FAULTS
from bench.faults.load import Phase
from bench.faults.report import as_json, faults_part, line
from bench.faults.scene import Fault
from bench.faults.touch import SOCKETS, SOCKETS_AND_ANSWERS


def phase_of(*, saw: dict[str, int] | None = None, endings: dict[str, int] | None = None) -> Phase:
    """Return a phase in which nothing happened besides these answers and endings."""
    return Phase([], saw or {}, 0.0, 0.0, 0.0, 0, endings or {})


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
    both = SOCKETS_AND_ANSWERS.begin(None)  # type: ignore[arg-type]
    assert both(phase_of(saw=saw)) == 0
    assert both(phase_of(saw=saw, endings={"cut off": 100})) == 6
    assert both(phase_of(saw={"200": 50}, endings={"cut off": 100})) == 0
