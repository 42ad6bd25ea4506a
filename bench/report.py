"""The figures as tables, for the terminal and for docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from bench.pushes import Memory, Pushes
from bench.reads import Reads
from bench.redeems import Redeems

MOST_REDEEM_MS = 1.9
LEAST_SHARE = 0.09
MOST_PUSH_RATIO = 1.3
_AIM_CONNECTIONS = 16

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Figures:
    """One whole run."""

    machine: dict[str, str]
    broker: str
    redeems: list[Redeems]
    pushes: list[Pushes]
    memory: Memory
    reads: Reads

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON, with the aims."""
        aims = [{"aim": aim, "measured": measured, "met": met} for aim, measured, met in self.aims()]
        return {**asdict(self), "aims": aims}

    def aims(self) -> list[tuple[str, str, bool]]:
        """Each aim, what was measured, and whether that meets it."""
        at = next(one for one in self.redeems if one.connections == _AIM_CONNECTIONS)
        share = at.share or 0.0
        found = [
            (
                f"at most {MOST_REDEEM_MS} ms CPU per redeem, all processes ({_AIM_CONNECTIONS} connections)",
                f"{at.total_ms:.2f} ms",
                at.total_ms <= MOST_REDEEM_MS,
            ),
            (
                f"at least {LEAST_SHARE:.0%} of pgbench at {_AIM_CONNECTIONS} connections",
                f"{share:.1%}",
                share >= LEAST_SHARE,
            ),
        ]
        for one in self.pushes:
            ratio = one.ratio or 0.0
            aim = f"a push at most {MOST_PUSH_RATIO} times the C loop ({one.subscribers:,} subscribers)"
            found.append((aim, f"{ratio:.2f} times", 0 < ratio <= MOST_PUSH_RATIO))
        reads = self.reads.ratio
        found.append(("top-10 reads at least as fast as the bare route", f"{reads:.2f} times", reads >= 1.0))
        return found


def table(head: Row, rows: Sequence[Row]) -> str:
    """A Markdown table, its columns aligned."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [_line(head, widths), "| " + " | ".join("-" * width for width in widths) + " |"]
    return "\n".join([*lines, *(_line(row, widths) for row in rows)])


def _line(row: Row, widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"


def aims_table(figures: Figures) -> str:
    """Aims and whether they are met."""
    rows = [(aim, measured, "met" if met else "**not met**") for aim, measured, met in figures.aims()]
    return table(("aim", "measured", ""), rows)


def misses(figures: Figures) -> list[str]:
    """For what is not met: where the time goes."""
    at = next(one for one in figures.redeems if one.connections == _AIM_CONNECTIONS)
    found = []
    if at.total_ms > MOST_REDEEM_MS or (at.share or 0) < LEAST_SHARE:
        parts = ", ".join(
            f"{kind} {ms / at.total_ms:.0%}" for kind, ms in _largest(at.cpu_ms) if ms / at.total_ms > 0.01
        )
        found.append(f"Where a redemption's time goes at {at.connections} connections: {parts}.")
    for one in figures.pushes:
        if one.floor and (one.ratio or 0) > MOST_PUSH_RATIO:
            more = one.product.cpu_us - one.floor.cpu_us
            found.append(
                f"Pushing to {one.subscribers:,}: {one.floor.cpu_us:.1f} µs is the system's send(), {more:.1f} µs "
                f"Python around it, in which the change itself (read and encoded once in each worker) is shared by all."
            )
    if figures.reads.ratio < 1:
        found.append(f"Reads: {figures.reads.top.cpu_ms:.3f} ms of CPU against {figures.reads.bare.cpu_ms:.3f} ms.")
    return found


def _largest(cpu_ms: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(cpu_ms.items(), key=lambda item: -item[1])


def redeem_table(redeems: Sequence[Redeems]) -> str:
    """Rates, beside pgbench."""
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
            str(one.connections),
            f"{one.rate:,.0f}",
            f"{one.p50_ms:.1f} ms",
            f"{one.p99_ms:.1f} ms",
            f"{one.floor.rate:,.0f}" if one.floor else "-",
            f"{one.share:.1%}" if one.share else "-",
            f"{one.total_ms:.2f} ms",
            f"{one.floor.cpu_ms:.2f} ms" if one.floor else "-",
        )
        for one in redeems
    ]
    return table(head, rows)


def cpu_table(redeems: Sequence[Redeems]) -> str:
    """Where a redemption's CPU goes, in milliseconds."""
    kinds = [kind for kind, _ in _largest(redeems[0].cpu_ms)]
    head = ("connections", *kinds, "all", "load generator")
    rows = [
        (
            str(one.connections),
            *(f"{one.cpu_ms[kind]:.2f}" for kind in kinds),
            f"{one.total_ms:.2f}",
            f"{one.client_ms:.2f}",
        )
        for one in redeems
    ]
    return table(head, rows)


def push_table(pushes: Sequence[Pushes]) -> str:
    """CPU for each push and time to the last, beside the floor."""
    head = ("subscribers", "", "CPU per push", "ratio", "to the last, median", "worst", "idle", "subscribers' own CPU")
    rows = []
    for one in pushes:
        size = f"{one.subscribers:,} x {one.frame_bytes:,} B"
        product, floor = one.product, one.floor
        rows.append(
            (
                size,
                "Fairboard",
                f"{product.cpu_us:.1f} µs",
                f"{one.ratio:.2f}" if one.ratio else "-",
                f"{product.last_ms:.0f} ms",
                f"{product.worst_ms:.0f} ms",
                f"{one.idle_ms:.1f} ms/s",
                f"{one.client_us:.1f} µs",
            )
        )
        if floor:
            times = (f"{floor.last_ms:.0f} ms", f"{floor.worst_ms:.0f} ms")
            rows.append(("", "C loop of send()", f"{floor.cpu_us:.1f} µs", "1", *times, "", ""))
    return table(head, rows)


def read_table(reads: Reads) -> str:
    """The top ten beside the bare route."""
    head = (f"at {reads.connections} connections", "reads/s", "ratio", "CPU per read, all servers", "load generator")
    rows = [
        (name, f"{one.rate:,.0f}", ratio, f"{one.cpu_ms:.3f} ms", f"{one.client_ms:.3f} ms")
        for name, one, ratio in (
            ("top ten, cached", reads.top, f"{reads.ratio:.2f}"),
            ("bare Flask route", reads.bare, "1"),
        )
    ]
    return table(head, rows)


def memory_line(memory: Memory) -> str:
    """One sentence."""
    each = memory.bytes_each / 1000
    return (
        f"An idle subscriber costs {each:.0f} kB of resident memory ({memory.subscribers:,} sockets, all web workers)."
    )


def markdown(figures: Figures, notes: str) -> str:
    """docs/performance.md, `notes` at its end."""
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    machine = figures.machine["machine"]
    others = ", ".join(f"{name} {number}" for name, number in figures.machine.items() if name != "machine")
    parts = [
        "# Performance",
        (
            f"Measured {when} by `make bench`, in one run, everything on one machine: {machine}. {others}. "
            f"Broker: {figures.broker}. Commits durable (fsync and synchronous_commit on)."
        ),
        aims_table(figures),
        *misses(figures),
        "## Redeeming",
        redeem_table(figures.redeems),
        "CPU milliseconds per redeem, by process:",
        cpu_table(figures.redeems),
        "## Pushing",
        push_table(figures.pushes),
        memory_line(figures.memory),
        "## Reading the top ten",
        read_table(figures.reads),
        notes.strip(),
    ]
    return "\n\n".join(parts) + "\n"
