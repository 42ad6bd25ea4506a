"""`make faults`: break one thing after the other under a steady load, prove after each that nothing was lost.

Writes docs/reliability.md after a full run that held. Exits 1 if anything did not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time

from bench.faults import disk
from bench.faults.drill import FULL, SHORT, Drill, Outcome, chosen, drill
from bench.faults.faults import FAULTS
from bench.faults.report import PAGE, as_json, line, page
from bench.faults.scene import Fault
from bench.load import BenchFailed
from bench.pushes import allow_many_sockets
from devstack import surroundings
from devstack.child import ROOT, CannotStart
from devstack.folder import Folder

_FOLDER = ROOT / "var" / "faults"
"""In `run`: data and logs of the last run."""


def main() -> int:
    """See `python -m bench.faults --help`."""
    surroundings.enter(surroundings.for_tools(os.environ))
    given = _arguments()
    size = SHORT if given.short else FULL
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", file=sys.stderr, flush=True)

    allow_many_sockets()
    lock = Folder(_FOLDER)
    try:
        faults = chosen(FAULTS, given.only)
        if not disk.may_mount() and not given.only:
            faults = [fault for fault in faults if fault.slug != "disk"]
            say("Leaving out the full disk: only root may mount a small one")
        lock.take(say)
        shutil.rmtree(_FOLDER / "run", ignore_errors=True)
        with drill(_FOLDER / "run", size, short=given.short, say=say) as ready:
            runs = [_run(ready, faults) for _ in range(given.times)]
    except (BenchFailed, CannotStart) as error:
        print(f"faults: {error}", file=sys.stderr)
        return 1
    finally:
        lock.release()
    failed = sum(bool(outcome.wrong) for run in runs for outcome in run)
    if given.json:
        print(json.dumps([[as_json(outcome) for outcome in run] for run in runs], indent=2))
    if not (given.short or given.only or failed):
        PAGE.write_text(page(runs, size))
        say(f"Wrote {PAGE.relative_to(ROOT)}")
    say(f"{failed} of {sum(map(len, runs))} did not hold" if failed else f"All {sum(map(len, runs))} held")
    return int(failed > 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the short form of each, as in the tests")
    parser.add_argument("--only", action="append", default=[], metavar="FAULT", help="this one; may be repeated")
    parser.add_argument("--times", type=int, default=1, help="run all of them so many times in a row")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def _run(ready: Drill, faults: list[Fault]) -> list[Outcome]:
    outcomes = []
    for fault in faults:
        outcome = ready.run(fault)
        outcomes.append(outcome)
        print(line(outcome), flush=True)
        for wrong in outcome.wrong[:20]:
            print(f"       {wrong}", flush=True)
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
