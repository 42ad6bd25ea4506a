"""What anti-cheat does to simulated honest players and cheats, compared with the aims.

python -m bench.fairness [--kinds reporting|tuning] [--seeds 4] [--players 300] [--json] [--write docs/anticheat.md]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path

from bench.fairness.figures import summary
from bench.fairness.population import Sizes
from bench.fairness.report import text
from bench.fairness.results import Result
from bench.fairness.small_servers import SmallResult, small_rows, small_servers
from bench.fairness.trial import judge_population, learned, results, stored_population
from bench.fairness.world import Kind

_BEGIN, _END = "<!-- make fairness -->\n", "<!-- end of make fairness -->"
_FIRST_SEED = 1001


def main() -> int:
    """Draw the populations, judge them, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.fairness", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kinds", choices=("reporting", "tuning"), default="reporting", help="the kinds of players")
    parser.add_argument("--seeds", type=int, default=4, help="how many populations, at least 2 (4)")
    parser.add_argument("--players", type=int, default=300, help="mainstream player-weeks in each (300)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the tables")
    parser.add_argument("--write", type=Path, help="put the tables into this page, between its markers")
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        parser.error("--seeds must be at least 2: the model learns from one population and judges another")
    start = time.monotonic()
    populations, small = _play(arguments.kinds, arguments.seeds, arguments.players, start)
    figures = summary(populations) | {
        "small": small_rows(small),
        "kinds": arguments.kinds,
        "date": datetime.now(UTC).date().isoformat(),
        "command": f"python -m bench.fairness {' '.join(sys.argv[1:])}".strip(),
        "seconds": round(time.monotonic() - start),
    }
    print(json.dumps(figures, indent=1) if arguments.json else text(figures))
    if arguments.write:
        _write(arguments.write, text(figures))
    return 0


def _play(kinds: str, seeds: int, players: int, start: float) -> tuple[list[list[Result]], list[SmallResult]]:
    sizes = Sizes(players, max(1, round(players / 75)), max(1, round(players / 200)))
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(os.cpu_count()) as pool:
        paths = [Path(folder) / f"{number}.pickle" for number in range(seeds)]
        jobs = {
            pool.submit(_judge, kinds, str(_FIRST_SEED + number), sizes, path): number
            for number, path in enumerate(paths)
        }
        for count, job in enumerate(as_completed(jobs), 1):
            _log(start, f"Judged population {count} of {seeds} by the rules: {job.result():,} redemptions")
        tasks = {pool.submit(partial(_assess, path, paths[number - 1])): number for number, path in enumerate(paths)}
        assessed: dict[int, tuple[list[Result], list[SmallResult]]] = {}
        for count, task in enumerate(as_completed(tasks), 1):
            assessed[tasks[task]] = task.result()
            _log(start, f"Assessed population {count} of {seeds} by the model, the links and the gain")
    ordered = [assessed[number] for number in sorted(assessed)]
    return [rows for rows, _ in ordered], [row for _, rows in ordered for row in rows]


def _kinds(name: str) -> Sequence[Kind]:
    module = import_module(f"bench.fairness.{name}_kinds")
    kinds: Sequence[Kind] = (*module.HONEST, *module.CHEATS)
    return kinds


def _judge(kinds: str, seed: str, sizes: Sizes, path: Path) -> int:
    return judge_population(_kinds(kinds), seed, sizes, path)


def _assess(path: Path, lessons: Path) -> tuple[list[Result], list[SmallResult]]:
    """Judge a population by what another has taught."""
    models = learned(stored_population(lessons), lessons.stem)
    players = stored_population(path)
    return results(players, models), small_servers(players, path.stem)


def _write(path: Path, tables: str) -> None:
    before, _, after = path.read_text().partition(_BEGIN)
    path.write_text(before + _BEGIN + tables + "\n" + _END + after.partition(_END)[2])


def _log(start: float, line: str) -> None:
    print(f"{time.monotonic() - start:5.0f} s  {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
