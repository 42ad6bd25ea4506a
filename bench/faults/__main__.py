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

from bench.faults import disk
from bench.faults.drill import FULL, SHORT, Drill, DrillOutcome, chosen, drill
from bench.faults.faults import FAULTS
from bench.faults.report import PAGE, as_json, line, page
from bench.faults.scene import Fault
from bench.load import BenchFailed
from bench.pushes import allow_many_sockets
from devstack import surroundings
from devstack.child import ROOT, CannotStart
from devstack.folder import Folder

_FOLDER = ROOT / "var" / "faults"
"""The folder; `run` in it has the data and logs of the last run."""


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
        faults = chosen(FAULTS, arguments.only)
        if not disk.may_mount() and not arguments.only:
            faults = [fault for fault in faults if fault.slug != "disk"]
            say("Leaving out the full disk: only root may mount a small one")
        lock.take(say)
        shutil.rmtree(_FOLDER / "run", ignore_errors=True)
        with drill(_FOLDER / "run", size, short=arguments.short, say=say) as drill_run:
            runs = [_run(drill_run, faults) for _ in range(arguments.times)]
    except (BenchFailed, CannotStart) as error:
        print(f"faults: {error}", file=sys.stderr)
        return 1
    finally:
        lock.release()
    failed = sum(bool(outcome.wrong) for run in runs for outcome in run)
    if arguments.json:
        print(json.dumps([[as_json(outcome) for outcome in run] for run in runs], indent=2))
    if not (arguments.short or arguments.only or failed):
        PAGE.write_text(page(runs, size))
        say(f"Wrote {PAGE.relative_to(ROOT)}")
    say(f"{failed} of {sum(map(len, runs))} did not hold" if failed else f"All {sum(map(len, runs))} held")
    return int(failed > 0)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the short form of each, as in the tests")
    parser.add_argument("--only", action="append", default=[], metavar="FAULT", help="run this fault; may be repeated")
    parser.add_argument("--times", type=int, default=1, help="run all of them this many times in a row")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def _run(drill_run: Drill, faults: list[Fault]) -> list[DrillOutcome]:
    outcomes = []
    for fault in faults:
        outcome = drill_run.run(fault)
        outcomes.append(outcome)
        print(line(outcome), flush=True)
        for finding in outcome.wrong[:20]:
            print(f"       {finding}", flush=True)
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
