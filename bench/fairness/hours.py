"""The fairness of the anti-cheat rules: simulated honest play and simple cheats, judged by the real rules.

    python -m bench.fairness.hours [--json] [--seed 1] [--hours 60]

Every player has their own random numbers, seeded by name and number, so that a run can be repeated to the digit. An
honest player-hour counts as flagged or suspended if that happened at least once in it. See docs/anticheat.md.
"""

import argparse
import json
import random
import statistics
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.rules import ActionTypeLimits
from anticheat.suspicion import Suspicion
from anticheat.verdict import Outcome, judge
from bench.fairness.intervals import of_share
from bench.fairness.judge import THRESHOLDS
from bench.fairness.players import CHEATING, HONEST, MINIMUM, OVERLAPPING, START, Play

CHEATS = 200  # players of each kind of cheat
ATTEMPTS = 60  # a cheat tries at most so often


def outcomes(play: Iterator[Completion]) -> Iterator[Outcome]:
    """Judge a play redemption by redemption, as the server would, up to a suspension."""
    history: deque[Completion] = deque(maxlen=HISTORY_LENGTH)
    suspicion = Suspicion(0, START)
    for attempt in play:
        limits = ActionTypeLimits(MINIMUM[attempt.action_type])
        verdict = judge(attempt, limits, list(history), suspicion, THRESHOLDS)
        suspicion = verdict.suspicion
        if verdict.outcome is not Outcome.TOO_SOON:
            history.appendleft(attempt)
        yield verdict.outcome
        if verdict.outcome is Outcome.CRITICAL:
            return


@dataclass(frozen=True)
class Fairness:
    """Player-hours of one kind of honest player, the number with a flag or more, and the number with a suspension."""

    kind: str
    hours: int
    redemptions: int
    flagged: int
    suspended: int


@dataclass(frozen=True)
class Detection:
    """One kind of cheat: the players by outcome, and the attempts before a suspension (`None`: no suspension)."""

    kind: str
    players: int
    flagged: int
    rejected: int
    suspended: int
    suspended_after_median: float | None
    suspended_after_most: int | None
    scored_mean: float


def fairness(kind: str, play: Play, seed: int, hours: int) -> Fairness:
    runs = [list(outcomes(play(random.Random(f"{seed}/{kind}/{hour}")))) for hour in range(hours)]
    flagged = sum(any(outcome not in (Outcome.CLEAN, Outcome.TOO_SOON) for outcome in run) for run in runs)
    suspended = sum(Outcome.CRITICAL in run for run in runs)
    return Fairness(kind, hours, sum(map(len, runs)), flagged, suspended)


def detection(kind: str, play: Play, seed: int) -> Detection:
    runs = []
    for number in range(CHEATS):
        attempts = play(random.Random(f"{seed}/{kind}/{number}"))
        runs.append(list(outcomes(next(attempts) for _ in range(ATTEMPTS))))
    suspended_after = [len(run) for run in runs if run[-1] is Outcome.CRITICAL]
    return Detection(
        kind=kind,
        players=CHEATS,
        flagged=sum(any(outcome not in (Outcome.CLEAN, Outcome.TOO_SOON) for outcome in run) for run in runs),
        rejected=sum(Outcome.REJECT in run or Outcome.CRITICAL in run for run in runs),
        suspended=len(suspended_after),
        suspended_after_median=statistics.median(suspended_after) if suspended_after else None,
        suspended_after_most=max(suspended_after, default=None),
        scored_mean=statistics.fmean(sum(outcome in ("clean", "flag") for outcome in run) for run in runs),
    )


def per_thousand(hits: int, hours: int) -> str:
    low, high = of_share(hits, hours)
    return f"{1000 * hits / hours:.1f} ({1000 * low:.1f}-{1000 * high:.1f})"


def print_tables(honest: list[Fairness], overlapping: list[Fairness], cheating: list[Detection]) -> None:
    hours, flagged = sum(row.hours for row in honest), sum(row.flagged for row in honest)
    suspended = sum(row.suspended for row in honest)
    total = Fairness("all honest", hours, sum(row.redemptions for row in honest), flagged, suspended)
    print(f"{'per 1,000 player-hours (95%)':30}{'hours':>6}{'redeemed':>10}{'flagged':>22}{'suspended':>22}")
    for row in [*honest, total, *overlapping]:
        rates = [per_thousand(hits, row.hours) for hits in (row.flagged, row.suspended)]
        print(f"{row.kind:30}{row.hours:>6}{row.redemptions:>10}{rates[0]:>22}{rates[1]:>22}")
    heading = f"{'flag':>6}{'reject':>7}{'suspend':>8}{'after':>7}{'most':>6}{'scored':>8}"
    print(f"\n{f'of {CHEATS} cheats each':30}{heading}")
    for cheat in cheating:
        after, most = cheat.suspended_after_median or "-", cheat.suspended_after_most or "-"
        counts = f"{cheat.flagged:>6}{cheat.rejected:>7}{cheat.suspended:>8}"
        print(f"{cheat.kind:30}{counts}{after:>7}{most:>6}{cheat.scored_mean:>8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fairness.hours", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=int, default=60, help="player-hours of each kind of honest player")
    arguments = parser.parse_args()
    honest = [fairness(kind, play, arguments.seed, arguments.hours) for kind, play in HONEST.items()]
    overlapping = [fairness(kind, play, arguments.seed, arguments.hours) for kind, play in OVERLAPPING.items()]
    cheating = [detection(kind, play, arguments.seed) for kind, play in CHEATING.items()]
    if arguments.json:
        rows = {
            "honest": [asdict(row) for row in honest],
            "overlapping": [asdict(row) for row in overlapping],
            "cheating": [asdict(row) for row in cheating],
        }
        print(json.dumps(rows, indent=2))
    else:
        print_tables(honest, overlapping, cheating)


if __name__ == "__main__":
    main()
