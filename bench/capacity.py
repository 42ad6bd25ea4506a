"""`python -m bench.capacity`: the capacity model beside the cluster with one, two and three API servers.

    python -m bench.capacity [--write docs/scale.md] [--again docs/scale.md]

The processes are those of `make cluster`; nginx sends to the first one, two or three of its API servers, in turns.
`--again` measures nothing: it writes the page's tables anew from the costs that the page names.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import machine
from bench.capacity_costs import combine, from_cluster, from_performance
from bench.capacity_model import Assumptions, Costs
from bench.capacity_page import Machine, check_section, costs_of, demands_table, ends_table, write
from bench.capacity_run import Run, measure
from bench.load import BenchFailed
from bench.sections import put
from bench.stage import SETTINGS
from devstack import surroundings
from devstack.child import ROOT, CannotStart
from devstack.cluster import Cluster

_PERFORMANCE = ROOT / "docs" / "performance.md"


def run_on_cluster() -> Run:
    """Start a cluster in a temporary folder, measure, and stop it."""
    with tempfile.TemporaryDirectory(prefix="fairboard-bench-") as folder:
        cluster = Cluster(folder, SETTINGS)
        cluster.start(_say)
        try:
            return measure(cluster, _say)
        finally:
            cluster.stop()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _print(costs: Costs, check: str) -> None:
    assumptions = Assumptions()
    print("\n\n".join((check, demands_table(costs, assumptions), ends_table(costs, assumptions))))


def main() -> None:
    """Run `python -m bench.capacity`; its --help lists the options."""
    surroundings.enter(surroundings.for_tools(os.environ))
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=(__doc__ or "").splitlines()[0])
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--write", type=Path, help="measure, and put the tables into this page, between its markers")
    kind.add_argument("--again", type=Path, help="write this page's tables anew from its costs")
    arguments = parser.parse_args()
    performance = _PERFORMANCE.read_text()
    if arguments.again:
        write(arguments.again, costs_of(arguments.again.read_text()), performance, Assumptions())
        return
    try:
        run = run_on_cluster()
    except (BenchFailed, CannotStart) as error:
        sys.exit(f"bench: {error}")
    costs = combine(from_performance(performance), from_cluster(run))
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    this = Machine(machine.name(), os.cpu_count() or 1, os.getloadavg()[0])
    check = check_section(run, this, when, costs)
    _print(costs, check)
    if arguments.write:
        put(arguments.write, "check", check)
        write(arguments.write, costs, performance, Assumptions())


if __name__ == "__main__":
    main()
