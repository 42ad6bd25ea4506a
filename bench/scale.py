"""The same board with ten thousand and a million standings: rebuild, reconcile, memory and reads, side by side.

    python -m bench.scale [--sizes 10000 1000000] [--json] [--write docs/performance.md]

Players, standings and one event each are written straight into PostgreSQL. The rebuild and the verification are the
commands; the reconcile ("proof") is the task, in a worker; reads come from the load generator. The floor of a rebuild
is the same data copied out of PostgreSQL and written to Redis in pipelines, without a rule.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from app.tables import markdown_table
from bench.load import BenchFailed
from bench.machine import describe
from bench.scale_data import ScaleBoard
from bench.scale_runs import Command, Proofs, Restart, floor, proofs, reads, restart_redis, run_command
from bench.sections import put
from bench.stage import stage
from devstack.child import CannotStart
from devstack.stack import Stack

T = TypeVar("T")

_MAX_MB = 150
_SECTION = "scale"


@dataclass(frozen=True, slots=True)
class ScaleFigures:
    """The figures for a number of standings. The floor is in CPU seconds, reads are in CPU milliseconds by route."""

    standings: int
    floor: float
    rebuild: Command
    verify: Command
    proofs: Proofs
    restart: Restart
    reads: Mapping[str, float]


def measure(stack: Stack, sizes: Sequence[int]) -> list[ScaleFigures]:
    """Measure one size after the other on the same servers, each with a new worker."""
    board, results = ScaleBoard(stack), []
    for standings in sizes:
        _log(f"Writing {standings:,} players with a standing and an event each")
        board.grow_to(standings)
        floor_seconds = _log_value("The floor of a rebuild, CPU seconds", floor(stack))
        board.forget()
        rebuild = _log_value("Rebuild", run_command(stack, "leaderboard", "rebuild"))
        proof_runs = _log_value("Proofs", proofs(stack))
        restart = _log_value("Restart of Redis", restart_redis(stack))
        read_times = _log_value("Reads", reads(stack, board.readers()))
        verify = _log_value("Verification", run_command(stack, "leaderboard", "verify"))
        results.append(ScaleFigures(standings, floor_seconds, rebuild, verify, proof_runs, restart, read_times))
    return results


def rows(sizes: Sequence[ScaleFigures]) -> list[list[str]]:
    """Return the table's rows: a name, a cell for each size, the last as a multiple of the first."""
    lines: list[tuple[str, list[float], str]] = [
        ("rebuild of an empty Redis, seconds", [size.rebuild.seconds for size in sizes], ".1f"),
        ("… standings a second", [size.standings / size.rebuild.seconds for size in sizes], ",.0f"),
        ("… CPU seconds, all processes", [size.rebuild.cpu_seconds for size in sizes], ".1f"),
        ("… as a multiple of the floor", [size.rebuild.cpu_seconds / size.floor for size in sizes], ".1f"),
        ("… most memory of the command, MB", [size.rebuild.peak_mb for size in sizes], ".0f"),
        ("one proof, CPU seconds of worker, PostgreSQL and Redis", [size.proofs.cpu_seconds for size in sizes], ".2f"),
        ("… of it the worker", [size.proofs.worker_seconds for size in sizes], ".2f"),
        ("… seconds", [size.proofs.seconds for size in sizes], ".1f"),
        ("… standings compared", [size.proofs.compared for size in sizes], ",.0f"),
        ("most memory of a worker process, MB", [size.proofs.peak_mb for size in sizes], ".0f"),
        ("repair after Redis restarted with its data, seconds", [size.restart.seconds for size in sizes], ".1f"),
        ("… CPU seconds, all processes", [size.restart.cpu_seconds for size in sizes], ".2f"),
        ("`leaderboard verify`, CPU seconds", [size.verify.cpu_seconds for size in sizes], ".1f"),
        ("… most memory of the command, MB", [size.verify.peak_mb for size in sizes], ".0f"),
        *((f"{route}, CPU ms", [size.reads[route] for size in sizes], ".2f") for route in sizes[0].reads),
    ]
    return [[name, *(format(value, form) for value in values), _ratio(values)] for name, values, form in lines]


def _ratio(values: Sequence[float]) -> str:
    return f"{values[-1] / values[0]:.2f}" if values[0] else "-"


def section(facts: Mapping[str, str], sizes: Sequence[ScaleFigures]) -> str:
    """Return the section for docs/performance.md."""
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    head = ["standings", *(f"{size.standings:,}" for size in sizes), "ratio"]
    failures = sum(command.failures for size in sizes for command in (size.rebuild, size.verify))
    summary = (
        f"`python -m bench.scale`, measured {when}: {facts['machine']}, PostgreSQL {facts['PostgreSQL']}, Redis "
        f"{facts['Redis']}. Commands that failed and were run again: {failures}."
    )
    notes = (
        f"A command takes about a second to start. A proof runs once a minute; of more than 5,000 standings "
        f"it compares what has changed and a part of the rest, so that 60 runs compare all. Aim: under {_MAX_MB} MB."
    )
    return "\n\n".join(["## Ten thousand and a million standings", summary, markdown_table(rows(sizes), head), notes])


def _log_value(name: str, value: T) -> T:
    _log(f"{name}: {value}")
    return value


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Run `python -m bench.scale`; its --help lists the options."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 1_000_000], help="standings (10000 1000000)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--write", type=Path, help="put the table into this page, between its markers")
    arguments = parser.parse_args()
    try:
        with stage("redis", _log, parts=("web", "worker")) as stack:
            facts = describe(stack)
            sizes = measure(stack, sorted(arguments.sizes))
    except (BenchFailed, CannotStart) as error:
        sys.exit(f"bench: {error}")
    text = section(facts, sizes)
    if arguments.write:
        put(arguments.write, _SECTION, text)
    print(json.dumps([asdict(size) for size in sizes], indent=1) if arguments.json else text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
