"""docs/reliability.md: the table of the faults, the worst of all runs in each column, and the ends of seasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.tables import markdown_table
from bench.faults.boundary import BoundaryOutcome, BoundarySize
from bench.faults.drill import DrillOutcome, DrillSize
from devstack.child import ROOT

PAGE = ROOT / "docs" / "reliability.md"
_NOTES = Path(__file__).with_name("notes.md")
_BOUNDARY_NOTES = Path(__file__).with_name("boundary.md")
_BOUNDARY_HEADING = "## Seasons that end under load\n\n"


def line(outcome: DrillOutcome) -> str:
    """Return one fault as a line for the terminal."""
    phase = outcome.phase
    verdict = "held" if not outcome.wrong else "FAILED"
    return (
        f"{verdict:6} {outcome.fault.name}: touched {_touched([outcome])}; "
        f"degraded {phase.degraded:.1f} s, slowest answer {phase.slowest:.1f} s, "
        f"longest silence of a screen {phase.silence:.1f} s, all proofs {outcome.settle_seconds:.1f} s after the load; "
        f"clients saw {counts_text(phase.saw)}; sockets: {counts_text(phase.endings) or 'none ended'}"
    )


def counts_text(counts: dict[str, int]) -> str:
    """Return the counts by kind, the most frequent first."""
    return ", ".join(f"{count:,} x {kind}" for kind, count in sorted(counts.items(), key=lambda item: -item[1]))


def as_json(outcome: DrillOutcome) -> dict[str, object]:
    """Return one fault for a script."""
    phase = outcome.phase
    return {
        "fault": outcome.fault.slug,
        "held": not outcome.wrong,
        "wrong": outcome.wrong,
        "touched": outcome.touched,
        "touched_what": outcome.fault.touch.unit,
        "degraded_seconds": round(phase.degraded, 3),
        "slowest_seconds": round(phase.slowest, 3),
        "silence_seconds": round(phase.silence, 3),
        "settled_seconds": round(outcome.settle_seconds, 3),
        "saw": phase.saw,
        "endings": phase.endings,
        "redeemed": sum(action.outcome == "scored" for action in phase.actions),
    }


def with_parts(present_page: str, faults: str, boundary: str) -> str:
    """Return the whole document; an empty part stays as it is on the present page."""
    present_faults, _, present_boundary = present_page.partition(_BOUNDARY_HEADING)
    return (faults or present_faults).rstrip() + "\n\n" + _BOUNDARY_HEADING + (boundary or present_boundary)


def boundary_part(rounds: Sequence[BoundaryOutcome], size: BoundarySize) -> str:
    """Return the part about seasons that ended under load."""
    head = [
        "round",
        "seasons ended",
        "redeemed",
        "redemptions/s",
        "at the ends",
        "final after",
        "next board on every screen after",
        "held",
    ]
    rows = [
        [
            str(number),
            str(outcome.ended),
            f"{outcome.redeemed:,}",
            f"{outcome.rate:.0f}",
            f"{outcome.end_rate:.0f}",
            f"{outcome.closed_after:.1f} s",
            f"{outcome.shown_after:.1f} s",
            "no" if outcome.wrong else "yes",
        ]
        for number, outcome in enumerate(rounds, 1)
    ]
    return (
        f"Measured {_now()} on the same cluster: {size.players} players redeem over {size.connections} connections as "
        f"fast as the machine answers, {size.sockets} subscribers watch.\n\n"
        f"{markdown_table(rows, head)}\n{_BOUNDARY_NOTES.read_text()}"
    )


def boundary_line(outcome: BoundaryOutcome) -> str:
    """Return one round of ended seasons as a line for the terminal."""
    verdict = "held" if not outcome.wrong else "FAILED"
    return (
        f"{verdict:6} {outcome.ended} seasons ended: {outcome.redeemed:,} redeemed, {outcome.rate:.0f} a second, "
        f"{outcome.end_rate:.0f} at the ends; final after {outcome.closed_after:.1f} s, next board on every screen "
        f"after {outcome.shown_after:.1f} s"
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def faults_part(runs: Sequence[Sequence[DrillOutcome]], size: DrillSize) -> str:
    """Return the part about the faults, with which the document begins."""
    head = [
        "fault",
        "touched, each time at least",
        "held",
        "redeemed",
        "degraded",
        "longest silence of a screen",
        "proofs clean after",
        "clients saw",
    ]
    rows = [_row(outcomes) for outcomes in zip(*runs, strict=True)]
    run_count = "one run" if len(runs) == 1 else f"{len(runs)} runs in a row"
    return (
        "# Reliability\n\n"
        f"Measured {_now()} by `make faults`: {run_count} on one machine with 2 cores, each fault under "
        f"{size.rate:.0f} redemptions a second by {size.players} players and {size.sockets} subscribers, everything "
        "through nginx on the cluster of `make cluster`. Seconds are the worst of all runs, counts are sums.\n\n"
        f"{markdown_table(rows, head)}\n{_NOTES.read_text()}\n"
    )


def _row(outcomes: Sequence[DrillOutcome]) -> list[str]:
    total: Counter[str] = Counter()
    endings: Counter[str] = Counter()
    for outcome in outcomes:
        total.update({kind: count for kind, count in outcome.phase.saw.items() if kind not in ("200", "201")})
        endings.update(outcome.phase.endings)
    redeemed = sum(action.outcome == "scored" for outcome in outcomes for action in outcome.phase.actions)
    sockets = f"; sockets: {counts_text(endings)}" if endings else ""
    return [
        outcomes[0].fault.name,
        _touched(outcomes),
        f"{sum(not outcome.wrong for outcome in outcomes)} of {len(outcomes)}",
        f"{redeemed:,}",
        f"{max(outcome.phase.degraded for outcome in outcomes):.1f} s",
        f"{max(outcome.phase.silence for outcome in outcomes):.1f} s",
        f"{max(outcome.settle_seconds for outcome in outcomes):.1f} s",
        (counts_text(total) or "nothing") + sockets,
    ]


def _touched(outcomes: Sequence[DrillOutcome]) -> str:
    return f"{min(outcome.touched for outcome in outcomes):,} {outcomes[0].fault.touch.unit}"
