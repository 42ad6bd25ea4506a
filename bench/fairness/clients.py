"""The way between a player and the server: lines, addresses and devices, and the rules of the game for a client."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from anticheat.history import Completion
from bench.fairness.world import ACTIONS, DAY, MIDNIGHT, WEEK, Account

PER_MINUTE: Final = 60
"""Starts, and completions, that RATE_LIMIT_ACTIONS allows in a minute."""
MOST_OPEN: Final = 10

Draw = Callable[[random.Random], float]


def lognormal(rng: random.Random, median: float, spread: float) -> float:
    """Draw a positive number: mostly near the median, sometimes much larger."""
    return median * math.exp(rng.gauss(0.0, spread))


@dataclass(frozen=True)
class Line:
    """A connection: seconds of one way, and the chance of a resend and of a stall."""

    base: float
    jitter: float
    resend: float = 0.0
    stall: float = 0.0

    def way(self, rng: random.Random) -> float:
        """Draw the seconds of one way."""
        seconds = self.base + rng.expovariate(1 / self.jitter)
        if self.resend and rng.random() < self.resend:
            seconds += rng.choice((0.2, 0.4, 1.0, 2.0))
        if self.stall and rng.random() < self.stall:
            seconds += rng.uniform(2, 10)
        return seconds


def fixed_line(rng: random.Random) -> Line:
    """Draw the line of a home: fibre, cable or Wi-Fi."""
    return Line(rng.uniform(0.004, 0.03), lognormal(rng, 0.003, 0.7), rng.choice((0.0, 0.0, 0.002)))


def mobile_line(rng: random.Random) -> Line:
    """Draw a mobile line, which may be poor."""
    return Line(rng.uniform(0.02, 0.12), lognormal(rng, 0.02, 0.8), rng.uniform(0, 0.03), rng.uniform(0, 0.004))


def poor_line(rng: random.Random) -> Line:
    """Draw a line by satellite, from far away or in a crowded place."""
    return Line(rng.uniform(0.12, 0.4), lognormal(rng, 0.08, 0.5), rng.uniform(0.02, 0.08), rng.uniform(0.005, 0.02))


@dataclass
class Client:
    """A client that plays one action after another for its player; 429 makes it wait for the next minute."""

    rng: random.Random
    line: Line
    plays: list[Completion] = field(default_factory=list)
    _starts: tuple[int, int] = (0, 0)
    _completions: tuple[int, int] = (0, 0)

    def act(self, action: str, at: float, react: float) -> float:
        """Start at `at`, complete `react` seconds after the countdown; return when the answer has arrived.

        A negative `react` completes before the countdown's end; below zero seconds after the issue is at once.
        """
        way, rng = self.line.way, self.rng
        self._starts, issued = _within_limit(self._starts, at + way(rng), rng)
        ready = issued + way(rng) + ACTIONS[action].limits.min_seconds
        pressed = max(issued + way(rng), ready + react)
        self._completions, completed = _within_limit(self._completions, pressed + way(rng), rng)
        self.plays.append(Completion(action, issued, completed))
        return completed + way(rng)


def _within_limit(used: tuple[int, int], at: float, rng: random.Random) -> tuple[tuple[int, int], float]:
    minute = int(at // 60)
    last_minute, count = used
    if minute < last_minute or (minute == last_minute and count >= PER_MINUTE):
        minute = last_minute + (count >= PER_MINUTE)
        at = max(at, minute * 60 + rng.uniform(0.01, 0.3))
    return (minute, count + 1 if minute == last_minute else 1), at


def settled(wishes: Iterable[Completion], rng: random.Random, most_open: int = MOST_OPEN) -> list[Completion]:
    """Return overlapping actions as the server lets them happen; 429 and `too_soon` are sent again after the wait.

    A start that finds `most_open` open actions, or a full minute, is given up.
    """
    plays: list[Completion] = []
    starts = sorted(wishes, key=lambda wish: wish.issued_at, reverse=True)
    queue: list[tuple[float, float, str]] = []
    started, completed_in, newest = (0, 0), (0, 0), -math.inf
    while starts or queue:
        if starts and (not queue or starts[-1].issued_at <= queue[0][0]):
            wish = starts.pop()
            minute = int(wish.issued_at // 60)
            count = started[1] if minute == started[0] else 0
            if len(queue) < most_open and count < PER_MINUTE:
                started = (minute, count + 1)
                heapq.heappush(queue, (wish.completed_at, wish.issued_at, wish.action_type))
            continue
        at, issued, action = heapq.heappop(queue)
        least = ACTIONS[action].limits.min_seconds
        after_limit, earliest = _within_limit(completed_in, at, rng)
        if newest > issued and at - newest < least:
            earliest = newest + least + rng.uniform(0.02, 0.3)
        if earliest > at:
            heapq.heappush(queue, (earliest, issued, action))
            continue
        plays.append(Completion(action, issued, at))
        completed_in, newest = after_limit, at
    return plays


@dataclass(frozen=True)
class Place:
    """The names of an address prefix and of a client, and the line between them and the server."""

    network: str
    device: str
    line: Line


_CARRIERS = 6


def device(rng: random.Random) -> str:
    """Draw the hint of a client: most are common models, few are rare."""
    if rng.random() < 0.12:
        return f"device-{rng.getrandbits(40):010x}"
    return f"model-{min(int(rng.paretovariate(0.9)), 90)}"


def home(rng: random.Random) -> Place:
    """Draw a home with a line of its own."""
    return Place(f"home-{rng.getrandbits(40):010x}", device(rng), fixed_line(rng))


def mobile(rng: random.Random) -> Place:
    """Draw a phone behind a carrier, which hides hundreds of strangers behind one prefix."""
    return Place(f"carrier-{min(int(rng.paretovariate(1.0)), _CARRIERS)}", device(rng), mobile_line(rng))


def campus(rng: random.Random) -> Place:
    """Draw a place on the network of a school, an office or a hostel, shared with some strangers."""
    return Place(f"campus-{rng.randrange(40)}", device(rng), fixed_line(rng))


def far_away(rng: random.Random) -> Place:
    """Draw a home with a poor line."""
    return Place(f"home-{rng.getrandbits(40):010x}", device(rng), poor_line(rng))


def anywhere(rng: random.Random) -> Place:
    """Draw a place as players have them: a home, a phone, a campus, or far away."""
    return rng.choices((home, mobile, campus, far_away), (0.58, 0.3, 0.06, 0.06))[0](rng)


def registration(rng: random.Random) -> float:
    """Draw a time of registration: mostly long ago, sometimes in the week before."""
    return MIDNIGHT - (rng.uniform(0, 7) * DAY if rng.random() < 0.04 else 3600 + rng.expovariate(1 / (250 * DAY)))


def account(plays: Sequence[Completion], place: Place, registered_at: float) -> Account:
    """Return the account with what it played within the week and after its registration."""
    since = max(MIDNIGHT, registered_at)
    counted_plays = [play for play in plays if play.issued_at >= since and play.completed_at < MIDNIGHT + WEEK]
    return Account(counted_plays, place.network, place.device, registered_at)
