"""The fairness of the anti-cheat rules: simulated honest play and simple cheats, judged by the real rules.

    python -m bench.fairness.hours [--json] [--seed 1] [--hours 60]

Every player has their own random numbers, seeded by name and number, so that a run can be repeated to the digit. An
honest player-hour counts as flagged or suspended if that happened at least once in it. See docs/anticheat.md.
"""

import argparse
import json
import math
import random
import statistics
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.rules import ActionTypeLimits
from anticheat.suspicion import Suspicion
from anticheat.verdict import Outcome, Thresholds, judge

THRESHOLDS = Thresholds(flag=30, reject=60, critical=100, half_life=1800)
MINIMUM = {"tap": 0.0, "quick-match": 3.0, "puzzle": 8.0, "boss-fight": 20.0}
START = 1_800_000_000.0
HOUR = 3600.0
RATE_LIMIT = 60  # completions a minute, the default of RATE_LIMIT_ACTIONS
CHEATS = 200  # players of each kind of cheat
ATTEMPTS = 60  # a cheat tries at most so often

Draw = Callable[[random.Random], float]
Play = Callable[[random.Random], Iterator[Completion]]


def normal(mean: float, sd: float, minimum: float = 0.0) -> Draw:
    """Draw seconds from a normal distribution, again while below `minimum` (no person reacts sooner)."""

    def draw(rng: random.Random) -> float:
        while (value := rng.gauss(mean, sd)) < minimum:
            pass
        return value

    return draw


def slow(median: float, spread: float) -> Draw:
    """Draw seconds from a log-normal distribution: mostly near the median, sometimes much longer."""
    return lambda rng: median * math.exp(rng.gauss(0, spread))


def network(rng: random.Random) -> float:
    """Draw the seconds of one way through an ordinary connection."""
    return 0.015 + rng.expovariate(1 / 0.003)


def bad_network(rng: random.Random) -> float:
    """Draw the seconds of one way through a bad connection: slow, with resends after 2 s and stalls of up to 10 s."""
    seconds = 0.15 + rng.expovariate(1 / 0.1)
    if rng.random() < 0.05:
        seconds += 2.0
    return seconds + (rng.uniform(3, 10) if rng.random() < 0.02 else 0.0)


@dataclass(frozen=True)
class Person:
    """A person at the page: start, wait for the countdown, press complete, see the points, start again."""

    press: Draw  # from the countdown's end to pressing complete
    pause: Draw  # from the answer to pressing start
    types: tuple[str, ...] = tuple(MINIMUM)
    way: Draw = network
    rest: float = 0.002  # the chance of a break of 1 to 20 minutes after an action
    mood: float = 0.0  # how much their speed varies over minutes: 0.05 is 20% up and down
    lapse: float = 0.0  # the chance of looking away for some seconds

    def __call__(self, rng: random.Random) -> Iterator[Completion]:
        return self.session(rng, START + rng.random(), HOUR)

    def session(self, rng: random.Random, start: float, seconds: float) -> Iterator[Completion]:
        """Play for `seconds` from `start` on."""
        now, kind, mood = start, rng.choice(self.types), 0.0
        limit = RateLimit()
        while now < start + seconds:
            if rng.random() < 0.03:
                kind = rng.choice(self.types)
            mood = 0.97 * mood + (rng.gauss(0, self.mood) if self.mood else 0.0)
            pace = math.exp(mood)
            issued = now + self.way(rng)
            ready = issued + self.way(rng) + MINIMUM[kind]
            completed = limit.earliest(ready + pace * self.press(rng) + self.way(rng))
            yield Completion(kind, issued, completed)
            now = completed + self.way(rng) + pace * self.pause(rng)
            if self.lapse and rng.random() < self.lapse:
                now += rng.uniform(1.5, 8)
            now += rng.uniform(60, 1200) if rng.random() < self.rest else 0.0


@dataclass
class RateLimit:
    """The rate limit in front of the rules: a full clock minute delays the player to the next one."""

    minute: int = 0
    used: int = 0

    def earliest(self, moment: float) -> float:
        minute = int(moment // 60)
        if minute == self.minute and self.used >= RATE_LIMIT:
            moment = (minute + 1) * 60 + (moment % 1)
            minute += 1
        self.used = self.used + 1 if minute == self.minute else 1
        self.minute = minute
        return moment


def stalled_taps(rng: random.Random) -> Iterator[Completion]:
    """Yield the taps of a client that doesn't await answers; every few minutes the line stalls for up to 10 s."""
    now, arrivals = START, []
    stall_until = START
    while now < START + HOUR:
        now += max(0.2, rng.gauss(1.1, 0.15))
        if now > stall_until and rng.random() < 0.005:
            stall_until = now + rng.uniform(2, 10)
        arrivals.append(Completion("tap", now - 0.2, max(now, stall_until) + rng.expovariate(1 / 0.02)))
    yield from sorted(arrivals, key=lambda tap: tap.completed_at)


def tabs(count: int) -> Play:
    """Return an honest player with several tabs that starts a puzzle in each, one by one, and completes them all."""

    def play(rng: random.Random) -> Iterator[Completion]:
        now = START
        while now < START + HOUR:
            issues = [now + tab * rng.uniform(1, 2) for tab in range(count)]
            completions = [issued + MINIMUM["puzzle"] + 0.05 + slow(0.3, 0.3)(rng) for issued in issues]
            yield from (Completion("puzzle", *times) for times in zip(issues, sorted(completions), strict=True))
            now = max(completions) + rng.uniform(0.5, 2)

    return play


def machine(kind: str, wait: float, jitter: Draw, open_actions: int = 1) -> Play:
    """Return a script: open `open_actions` actions, wait, complete them all, begin again."""

    def play(rng: random.Random) -> Iterator[Completion]:
        now = START + rng.random()
        while True:
            issues = [now := now + 0.004 + rng.expovariate(1 / 0.001) for _ in range(open_actions)]
            now += wait + jitter(rng)
            for issued in issues:
                now += 0.004 + rng.expovariate(1 / 0.001)
                yield Completion(kind, issued, now)

    return play


def busy(rng: random.Random) -> float:
    """Draw the error of a sleep on a busy machine: 5 ms more or less, and now and then 50 ms."""
    return 0.02 + rng.gauss(0, 0.005) + (rng.uniform(0, 0.05) if rng.random() < 0.05 else 0.0)


HONEST: dict[str, Play] = {
    "novice": Person(slow(0.7, 0.4), slow(2.5, 0.6)),
    "regular": Person(slow(0.35, 0.2), slow(0.9, 0.4)),
    "expert, sd 30 ms": Person(normal(0.215, 0.03, 0.15), normal(0.215, 0.03, 0.15), ("quick-match",), rest=0),
    "expert tapper": Person(normal(0.215, 0.03, 0.15), normal(0.215, 0.03, 0.15), ("tap",), rest=0),
    "countdown presser": Person(normal(0.03, 0.025), normal(0.25, 0.03, 0.15), ("quick-match", "puzzle"), rest=0),
    "countdown, starts by itself": Person(normal(0.06, 0.02), lambda _: 0.0, ("quick-match",), rest=0),
    "rhythmic tapper, 1 a second": Person(normal(0.4, 0.018), normal(0.54, 0.018), ("tap",), rest=0),
    "drummer, 2 a second": Person(normal(0.22, 0.008), normal(0.22, 0.008), ("tap",), rest=0),
    "frantic tapper, 3 a second": Person(normal(0.13, 0.02), normal(0.14, 0.02), ("tap",), rest=0),
    "tired": Person(slow(0.9, 0.7), slow(4, 1.0), rest=0.01),
    "bad network": Person(slow(0.35, 0.2), slow(0.9, 0.4), way=bad_network),
    "stalled taps": stalled_taps,
}
OVERLAPPING: dict[str, Play] = {"two tabs": tabs(2), "three tabs": tabs(3)}
CHEATING: dict[str, Play] = {
    "too fast: no wait": machine("quick-match", 0, lambda _: 0.0),
    "too fast: 90% of the wait": machine("quick-match", 2.7, lambda rng: rng.uniform(0, 0.05)),
    "ten opened, one wait": machine("quick-match", 3.1, lambda rng: rng.uniform(0, 0.5), open_actions=10),
    "burst of taps": machine("tap", 0, lambda rng: rng.uniform(0, 0.05)),
    "clockwork": machine("quick-match", 3.05, lambda rng: rng.uniform(0, 0.001)),
    "clockwork, jitter 1-8 ms": machine("quick-match", 3.05, lambda rng: rng.uniform(0.001, 0.008)),
    "clockwork taps, 1 a second": machine("tap", 1, lambda rng: rng.uniform(0, 0.001)),
    "clockwork on a busy machine": machine("quick-match", 3.05, busy),
    "clockwork, normal noise 10 ms": machine("quick-match", 3.1, normal(0.03, 0.01)),
    "script that waits at random": machine("quick-match", 3.05, lambda rng: rng.uniform(0, 1)),
}


def outcomes(play: Iterator[Completion]) -> Iterator[Outcome]:
    """Judge a play redemption by redemption, as the server would, up to a suspension."""
    history: deque[Completion] = deque(maxlen=HISTORY_LENGTH)
    suspicion = Suspicion(0, START)
    for attempt in play:
        limits = ActionTypeLimits(MINIMUM[attempt.action_type])
        verdict = judge(attempt, limits, list(history), suspicion, THRESHOLDS)
        suspicion = verdict.suspicion
        history.appendleft(attempt)
        yield verdict.outcome
        if verdict.outcome is Outcome.CRITICAL:
            return


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95% interval for a share, which stays correct for small numbers: none of 60 is not zero."""
    share, scale = hits / total, 1 + z * z / total
    center = (share + z * z / (2 * total)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, center - half), min(1.0, center + half)


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
    flagged = sum(any(outcome is not Outcome.CLEAN for outcome in run) for run in runs)
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
        flagged=sum(any(outcome is not Outcome.CLEAN for outcome in run) for run in runs),
        rejected=sum(Outcome.REJECT in run or Outcome.CRITICAL in run for run in runs),
        suspended=len(suspended_after),
        suspended_after_median=statistics.median(suspended_after) if suspended_after else None,
        suspended_after_most=max(suspended_after, default=None),
        scored_mean=statistics.fmean(sum(outcome in ("clean", "flag") for outcome in run) for run in runs),
    )


def per_thousand(hits: int, hours: int) -> str:
    low, high = wilson(hits, hours)
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
