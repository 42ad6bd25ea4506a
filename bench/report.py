"""The figures as tables, for the terminal and for docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

from app.tables import markdown_table
from bench.boards import Boards
from bench.history import Ratio
from bench.pushes import Memory, Pushes
from bench.reads import Reads
from bench.redeems import Redeems

MOST_REDEEM_RATIO = 5.0
LEAST_SHARE = 0.20
MOST_PUSH_RATIO = 1.1
MOST_BOARD_SHARE = 0.077
_AIM_CONNECTIONS = 16

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one whole run."""

    machine: dict[str, str]
    broker: str
    redeems: list[Redeems]
    pushes: list[Pushes]
    memory: Memory
    reads: Reads
    boards: Boards

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, for JSON, with the aims."""
        aims = [{"aim": aim, "measured": measured, "met": is_met} for aim, measured, is_met in self.aims()]
        return {**asdict(self), "aims": aims}

    def aims(self) -> list[tuple[str, str, bool]]:
        """Return each aim, the measured value, and whether that meets it."""
        redeem_run = next(run for run in self.redeems if run.connections == _AIM_CONNECTIONS)
        share = redeem_run.share or 0.0
        aims = [
            (
                f"a redeem at most {MOST_REDEEM_RATIO:g} times the CPU of PostgreSQL in pgbench (16 connections)",
                f"{redeem_run.cpu_ratio:.2f} times",
                0 < redeem_run.cpu_ratio <= MOST_REDEEM_RATIO,
            ),
            (
                f"at least {LEAST_SHARE:.0%} of pgbench at {_AIM_CONNECTIONS} connections",
                f"{share:.1%}",
                share >= LEAST_SHARE,
            ),
        ]
        board = median(self.boards.turns)
        aim = f"each further board at most {MOST_BOARD_SHARE:.1%} of a redeem's CPU"
        aims.append((aim, f"{board:.1%}", board <= MOST_BOARD_SHARE))
        for run in self.pushes:
            aim = f"a push at most {MOST_PUSH_RATIO} times the C loop ({run.subscribers:,} subscribers)"
            aims.append((aim, f"{run.ratio:.2f} times", run.ratio <= MOST_PUSH_RATIO))
        reads = self.reads.ratio
        aims.append(("top-10 reads at least as fast as the bare route", f"{reads:.2f} times", reads >= 1.0))
        return aims

    def ratios(self) -> list[Ratio]:
        """Return the ratios that a machine's speed doesn't change, for the history."""
        ratios = []
        for run in self.redeems:
            at = f"at {run.connections}"
            ratios.append(Ratio.of(f"redeem: CPU of pgbench {at}", [turn.cpu_ratio for turn in run.turns]))
            ratios.append(Ratio.of(f"redeem: share of pgbench {at}", [turn.share or 0 for turn in run.turns], "higher"))
            ratios.append(Ratio.of(f"redeem: p99 of pgbench's mean {at}", [turn.p99_ratio for turn in run.turns]))
        ratios.append(Ratio.of("each further board: share of a redeem", self.boards.turns))
        ratios += [Ratio.of(f"push to {run.subscribers}: C loop", run.turns) for run in self.pushes]
        ratios.append(Ratio.of("top ten: bare route", self.reads.turns, "higher"))
        return [*ratios, Ratio.of("idle subscriber: kB", [self.memory.bytes_each / 1000])]


def aims_table(figures: Figures) -> str:
    """Return the aims and whether they are met."""
    rows = [(aim, measured, "met" if is_met else "**not met**") for aim, measured, is_met in figures.aims()]
    return markdown_table(rows, ("aim", "measured", ""))


def misses(figures: Figures) -> list[str]:
    """Return where the time goes, for each missed aim."""
    redeem_run = next(run for run in figures.redeems if run.connections == _AIM_CONNECTIONS)
    lines = []
    if redeem_run.cpu_ratio > MOST_REDEEM_RATIO or (redeem_run.share or 0) < LEAST_SHARE:
        parts = ", ".join(
            f"{kind} {ms / redeem_run.total_ms:.0%}"
            for kind, ms in _largest(redeem_run.cpu_ms)
            if ms / redeem_run.total_ms > 0.01
        )
        lines.append(f"Where a redemption's time goes at {redeem_run.connections} connections: {parts}.")
    for run in figures.pushes:
        if run.ratio > MOST_PUSH_RATIO:
            extra_us = run.product.cpu_us - run.floor.cpu_us
            lines.append(
                f"Pushing to {run.subscribers:,}: {run.floor.cpu_us:.1f} µs is the system's send(), {extra_us:.1f} µs "
                f"Python around it, in which the change itself (read and encoded once in each worker) is shared by all."
            )
    if figures.reads.ratio < 1:
        lines.append(f"Reads: {figures.reads.top.cpu_ms:.3f} ms of CPU against {figures.reads.bare.cpu_ms:.3f} ms.")
    return lines


def _largest(cpu_ms: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(cpu_ms.items(), key=lambda item: -item[1])


def redeem_table(redeems: Sequence[Redeems]) -> str:
    """Return the rates, beside pgbench."""
    head = (
        "connections",
        "redeems/s",
        "p50",
        "p99",
        "pgbench/s",
        "of pgbench",
        "CPU per redeem",
        "PostgreSQL in pgbench",
    )
    rows = [
        (
            str(run.connections),
            f"{run.rate:,.0f}",
            f"{run.p50_ms:.1f} ms",
            f"{run.p99_ms:.1f} ms",
            f"{run.floor.rate:,.0f}" if run.floor else "-",
            f"{run.share:.1%}" if run.share else "-",
            f"{run.total_ms:.2f} ms",
            f"{run.floor.cpu_ms:.2f} ms" if run.floor else "-",
        )
        for run in redeems
    ]
    return markdown_table(rows, head)


def cpu_table(redeems: Sequence[Redeems]) -> str:
    """Return the CPU of a redemption by process, in milliseconds."""
    kinds = [kind for kind, _ in _largest(redeems[0].cpu_ms)]
    head = ("connections", *kinds, "all", "load generator")
    rows = [
        (
            str(run.connections),
            *(f"{run.cpu_ms[kind]:.2f}" for kind in kinds),
            f"{run.total_ms:.2f}",
            f"{run.client_ms:.2f}",
        )
        for run in redeems
    ]
    return markdown_table(rows, head)


def boards_line(boards: Boards) -> str:
    """Return the cost of boards as one sentence."""
    one, most, further = median(boards.one_ms), median(boards.most_ms), boards.further_ms
    return (
        f"A redemption that feeds {boards.count} boards (of all scorings) costs {most:.2f} ms of CPU over all "
        f"processes, one that feeds one {one:.2f} ms: {further:.3f} ms for each further board, {further / one:.1%} of "
        f"the first (medians of {len(boards.one_ms)} turns of {boards.turn:,} redemptions each, at 16 connections)."
    )


def push_table(pushes: Sequence[Pushes]) -> str:
    """Return the CPU for each push and the time to the last subscriber, beside the floor."""
    head = ("subscribers", "", "CPU per push", "ratio", "to the last, median", "worst", "idle", "subscribers' own CPU")
    rows = []
    for run in pushes:
        size = f"{run.subscribers:,} x {run.frame_bytes:,} B"
        product, floor = run.product, run.floor
        rows.append(
            (
                size,
                "Fairboard",
                f"{product.cpu_us:.1f} µs",
                f"{run.ratio:.2f}",
                f"{product.last_ms:.0f} ms",
                f"{product.worst_ms:.0f} ms",
                f"{run.idle_ms:.1f} ms/s",
                f"{run.client_us:.1f} µs",
            )
        )
        times = (f"{floor.last_ms:.0f} ms", f"{floor.worst_ms:.0f} ms")
        rows.append(("", "C loop of send()", f"{floor.cpu_us:.1f} µs", "1", *times, "", ""))
    return markdown_table(rows, head)


def read_table(reads: Reads) -> str:
    """Return the top ten beside the bare route."""
    head = (f"at {reads.connections} connections", "reads/s", "ratio", "CPU per read, all servers", "load generator")
    rows = [
        (name, f"{route.rate:,.0f}", ratio, f"{route.cpu_ms:.3f} ms", f"{route.client_ms:.3f} ms")
        for name, route, ratio in (
            ("top ten, cached", reads.top, f"{reads.ratio:.2f}"),
            ("bare Flask route", reads.bare, "1"),
        )
    ]
    return markdown_table(rows, head)


def memory_line(memory: Memory) -> str:
    """Return the memory of an idle subscriber as one sentence."""
    size = memory.bytes_each / 1000
    return (
        f"An idle subscriber costs {size:.0f} kB of resident memory ({memory.subscribers:,} sockets, all web workers)."
    )


def markdown(figures: Figures, notes: str) -> str:
    """Return the text of docs/performance.md, with `notes` at its end."""
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    machine = figures.machine["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in figures.machine.items() if name != "machine")
    parts = [
        "# Performance",
        (
            f"Measured {when} by `make bench`, in one run, everything on one machine: {machine}. {versions}. "
            f"Broker: {figures.broker}. Commits durable (fsync and synchronous_commit on)."
        ),
        aims_table(figures),
        *misses(figures),
        "![The ratios by commit](images/bench.svg)",
        "## Redeeming",
        redeem_table(figures.redeems),
        "CPU milliseconds per redeem, by process:",
        cpu_table(figures.redeems),
        boards_line(figures.boards),
        "## Pushing",
        push_table(figures.pushes),
        memory_line(figures.memory),
        "## Reading the top ten",
        read_table(figures.reads),
        notes.strip(),
    ]
    return "\n\n".join(parts) + "\n"
