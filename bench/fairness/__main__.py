"""The share of cheats that the rules and the learned model find, the delay, and their errors about honest players.

python -m bench.fairness [--seeds 10] [--honest 1000] [--cheats 10] [--json] [--write docs/anticheat.md]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from bench.fairness.figures import summarise
from bench.fairness.report import text
from bench.fairness.trial import learned, trial

LEARNED_FROM = 1
FIRST = 11
"""Lower seeds were used to choose numbers; the figures are from this seed on."""

_BEGIN, _END = "<!-- make fairness -->\n", "<!-- end of make fairness -->"


def main() -> int:
    """Play, judge, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.fairness", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="how many populations (10)")
    parser.add_argument("--honest", type=int, default=1000, help="honest player-weeks in each (1000)")
    parser.add_argument("--cheats", type=int, default=10, help="cheats of each kind in each (10)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the tables")
    parser.add_argument("--write", type=Path, help="put the tables into this page, between its markers")
    arguments = parser.parse_args()
    start = time.monotonic()
    _log(f"Learning from 1,000 honest players and 3 cheats of a kind (seed {LEARNED_FROM})")
    model = learned(LEARNED_FROM, 1000, 3)
    play = partial(trial, model, honest=arguments.honest, cheats=arguments.cheats)
    populations = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = {pool.submit(play, seed): seed for seed in range(FIRST, FIRST + arguments.seeds)}
        for job in as_completed(jobs):
            populations[jobs[job]] = job.result()
            _log(f"Played seed {jobs[job]}, {len(populations)} of {len(jobs)}, {time.monotonic() - start:.0f} s")
    summary = summarise([populations[seed] for seed in sorted(populations)], time.monotonic() - start)
    if arguments.json:
        print(json.dumps(summary, indent=1))
        return 0
    print(text(summary))
    if arguments.write:
        before, _, after = arguments.write.read_text().partition(_BEGIN)
        arguments.write.write_text(before + _BEGIN + text(summary) + "\n" + _END + after.partition(_END)[2])
        _log(f"Written to {arguments.write}")
    return 0


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
