"""`make faults`: break one part after the other under a steady load, and prove after each that nothing was lost.

Afterwards seasons end under load, three times in a row. Writes docs/reliability.md after a full run without failures,
and only the part about seasons after a run of them alone (`--only boundary`). Exits 1 if a check failed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from bench.faults import boundary, disk
from bench.faults.boundary import BoundaryDrill, BoundaryOutcome, BoundarySize
from bench.faults.drill import FULL, SHORT, Drill, DrillOutcome, DrillSize, chosen, drill
from bench.faults.faults import FAULTS
from bench.faults.report import PAGE, as_json, boundary_line, boundary_part, faults_part, line, with_parts
from bench.faults.scene import Fault
from bench.load import BenchFailed
from bench.pushes import allow_many_sockets
from devstack import surroundings
from devstack.child import ROOT, CannotStart
from devstack.folder import Folder

_FOLDER = ROOT / "var" / "faults"
"""The folder; `run` in it has the data and logs of the last run."""

_BOUNDARY = "boundary"
_BOUNDARIES = 3  # rounds in a row
_ONLY = f"run this fault, or '{_BOUNDARY}', the ends of seasons; may be repeated"


def main() -> int:
    """Run `python -m bench.faults`; its --help lists the options."""
    surroundings.enter(surroundings.for_tools(os.environ))
    arguments = _parse_arguments()
    size = SHORT if arguments.short else FULL
    start = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - start:5.0f} s] {text}", file=sys.stderr, flush=True)

    allow_many_sockets()
    lock = Folder(_FOLDER)
    try:
        faults = _chosen_faults(arguments.only, say)
        ends_seasons = _BOUNDARY in arguments.only or not (arguments.only or arguments.short)
        lock.take(say)
        shutil.rmtree(_FOLDER / "run", ignore_errors=True)
        with drill(_FOLDER / "run", size, short=arguments.short, say=say) as drill_run:
            runs = [_run(drill_run, faults) for _ in range(arguments.times)]
            boundary_size = boundary.SHORT if arguments.short else boundary.FULL
            rounds = _run_boundaries(drill_run, boundary_size, say) if ends_seasons else []
    except (BenchFailed, CannotStart) as error:
        print(f"faults: {error}", file=sys.stderr)
        return 1
    finally:
        lock.release()
    verdicts = [bool(outcome.wrong) for run in runs for outcome in run] + [bool(outcome.wrong) for outcome in rounds]
    failed = sum(verdicts)
    if arguments.json:
        faults_json = [[as_json(outcome) for outcome in run] for run in runs]
        print(json.dumps({"faults": faults_json, _BOUNDARY: [asdict(outcome) for outcome in rounds]}, indent=2))
    if not (arguments.short or failed):
        _write(runs if not arguments.only else [], rounds, size, say)
    say(f"{failed} of {len(verdicts)} did not hold" if failed else f"All {len(verdicts)} held")
    return int(failed > 0)


def _chosen_faults(only: Sequence[str], say: Callable[[str], None]) -> list[Fault]:
    """Return the faults of these slugs, or all that can be made here."""
    if only:
        slugs = [slug for slug in only if slug != _BOUNDARY]
        return chosen(FAULTS, slugs) if slugs else []
    if disk.may_mount():
        return list(FAULTS)
    say("Leaving out the full disk: only root may mount a small one")
    return [fault for fault in FAULTS if fault.slug != "disk"]


def _write(
    runs: Sequence[Sequence[DrillOutcome]],
    rounds: Sequence[BoundaryOutcome],
    size: DrillSize,
    say: Callable[[str], None],
) -> None:
    """Write the parts of the page that were measured."""
    parts = [faults_part(runs, size) if runs else "", boundary_part(rounds, boundary.FULL) if rounds else ""]
    if any(parts):
        PAGE.write_text(with_parts(PAGE.read_text(), *parts))
        say(f"Wrote {PAGE.relative_to(ROOT)}")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the short form of each, as in the tests")
    parser.add_argument("--only", action="append", default=[], metavar="FAULT", help=_ONLY)
    parser.add_argument("--times", type=int, default=1, help="run all faults this many times in a row")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def _run(drill_run: Drill, faults: list[Fault]) -> list[DrillOutcome]:
    outcomes = []
    for fault in faults:
        outcome = drill_run.run(fault)
        outcomes.append(outcome)
        print(line(outcome), flush=True)
        _print_findings(outcome.wrong)
    return outcomes


def _run_boundaries(drill_run: Drill, boundary_size: BoundarySize, say: Callable[[str], None]) -> list[BoundaryOutcome]:
    outcomes = []
    say("Ending seasons under load")
    with BoundaryDrill(drill_run.cluster, drill_run.folder, boundary_size) as boundary_drill:
        for _ in range(_BOUNDARIES):
            outcome = boundary_drill.run()
            outcomes.append(outcome)
            print(boundary_line(outcome), flush=True)
            _print_findings(outcome.wrong)
    return outcomes


def _print_findings(findings: Sequence[str]) -> None:
    for finding in findings[:20]:
        print(f"       {finding}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
