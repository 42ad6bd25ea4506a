"""Cheats that let a script play one account: naive ones, and disguises by waiting times and schedules."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import cos, pi
from typing import Final

from bench.fairness.reporting_diary import (
    MINIMUM,
    Diary,
    common_device,
    home_network,
    past_registration,
    private_network,
)
from bench.fairness.reporting_hands import Drift, draw_hand, play_hand, play_session
from bench.fairness.reporting_hours import Habit, Window, daily, draw_rhythm, draw_zone, sessions
from bench.fairness.world import HOUR, MIDNIGHT, WEEK, Account, Kind

ALWAYS: Final[list[Window]] = [(MIDNIGHT, MIDNIGHT + WEEK)]
_MIXES: Final = (
    {"boss-fight": 1.0},
    {"puzzle": 1.0},
    {"boss-fight": 1.0, "puzzle": 1.0},
    {"boss-fight": 1.0, "puzzle": 1.0, "quick-match": 0.5},
)


@dataclass
class Script:
    """Play by two draws: seconds beyond the minimum, given the time, and seconds between actions."""

    random_source: random.Random
    mix: dict[str, float]
    wait: Callable[[float], float]
    rest: Callable[[float], float]

    def choose(self, now: float) -> str:
        if len(self.mix) == 1:
            return next(iter(self.mix))
        return self.random_source.choices(list(self.mix), list(self.mix.values()))[0]

    def seconds(self, action_type: str, now: float) -> float:
        network = 0.02 + self.random_source.expovariate(1 / 0.012)
        if action_type == "tap":
            return network
        return MINIMUM[action_type] + network + max(0.0, self.wait(now))

    def gap(self, action_type: str, now: float) -> float:
        return max(0.01, self.rest(now))


def run_script(pace: Script, windows: Iterable[Window]) -> Diary:
    diary = Diary()
    for window in windows:
        play_session(diary, pace, window)
    return diary


def draw_mix(random_source: random.Random) -> dict[str, float]:
    return random_source.choice(_MIXES)


def host(random_source: random.Random, diary: Diary) -> Sequence[Account]:
    """Return the account of a script: on a rented server, behind a proxy, or at home like anybody's."""
    networks = (
        home_network(random_source),
        private_network(random_source, "server"),
        f"proxy-{random_source.randrange(9)}",
    )
    registered_at = past_registration(random_source, random_source.choice((4.0, 40.0, 200.0)))
    return [diary.account(random_source.choice(networks), common_device(random_source), registered_at)]


def _no_wait(random_source: random.Random) -> Sequence[Account]:
    diary, action_type = Diary(), random_source.choice(("boss-fight", "puzzle"))
    now = MIDNIGHT + random_source.random() * 5 * 24 * HOUR
    for _ in range(random_source.randrange(200, 2500)):
        now = diary.play(action_type, now, 0.03 + random_source.expovariate(1 / 0.03), is_early=True)
    return host(random_source, diary)


def _fixed_interval(random_source: random.Random) -> Sequence[Account]:
    wait = random_source.choice((1.0, 2.0, 5.0))
    script = Script(random_source, {"boss-fight": 1.0}, lambda _: wait, lambda _: 0.05)
    return host(random_source, run_script(script, [(MIDNIGHT + HOUR, MIDNIGHT + 40 * HOUR)]))


def _tap_flood(random_source: random.Random) -> Sequence[Account]:
    script = Script(random_source, {"tap": 1.0}, lambda _: 0.0, lambda _: 0.01)
    return host(random_source, run_script(script, daily(random_source, draw_zone(random_source), 18.0, 0.5)[2:4]))


def _lockstep_quick_match(random_source: random.Random) -> Sequence[Account]:
    script = Script(random_source, {"quick-match": 1.0}, lambda _: 0.1, lambda _: 1.0)
    return host(random_source, run_script(script, daily(random_source, draw_zone(random_source), 12.0, 2.0)[2:5]))


def _uniform_jitter(random_source: random.Random) -> Sequence[Account]:
    most = random_source.uniform(9.0, 25.0)
    script = Script(
        random_source,
        draw_mix(random_source),
        lambda _: random_source.uniform(0.3, most),
        lambda _: random_source.uniform(0.5, 4.0),
    )
    return host(random_source, run_script(script, daily(random_source, draw_zone(random_source), 8.0, 16.0, 0.4)))


def _lognormal_sleeper(random_source: random.Random) -> Sequence[Account]:
    middle, spread = random_source.uniform(2.0, 3.4), random_source.uniform(0.3, 0.7)
    script = Script(
        random_source,
        draw_mix(random_source),
        lambda _: random_source.lognormvariate(middle, spread),
        lambda _: random_source.lognormvariate(0.6, 0.6),
    )
    hours = random_source.uniform(9.0, 15.0)
    return host(random_source, run_script(script, daily(random_source, draw_zone(random_source), 8.5, hours, 0.7)))


def _fake_breaks(random_source: random.Random) -> Sequence[Account]:
    """Rest after a drawn number of actions, as sellers of bots advertise, by day and by night."""

    def rest(_: float) -> float:
        if random_source.random() < 0.03:
            return random_source.uniform(120.0, 1200.0)
        return random_source.gammavariate(2.0, 0.9)

    shape = random_source.uniform(1.5, 4.0)
    script = Script(
        random_source, {"boss-fight": 1.0, "puzzle": 0.7}, lambda _: random_source.gammavariate(shape, 5.0), rest
    )
    return host(random_source, run_script(script, ALWAYS))


def _heavy_tails(random_source: random.Random) -> Sequence[Account]:
    """Draw waits from a Pareto law, so that no spread looks steady."""
    alpha = random_source.uniform(1.1, 1.8)
    script = Script(
        random_source,
        draw_mix(random_source),
        lambda _: min(500.0, 4.0 * random_source.paretovariate(alpha)),
        lambda _: min(3600.0, random_source.paretovariate(0.9)),
    )
    return host(random_source, run_script(script, ALWAYS))


def _trickle(random_source: random.Random) -> Sequence[Account]:
    """Play a boss every few minutes and never stop: slow by the minute, far ahead by the week."""
    between = random_source.uniform(70.0, 260.0)
    script = Script(
        random_source,
        {"boss-fight": 1.0},
        lambda _: random_source.lognormvariate(3.2, 0.5),
        lambda _: random_source.expovariate(1.0 / between),
    )
    return host(random_source, run_script(script, ALWAYS))


def _fake_sleep(random_source: random.Random) -> Sequence[Account]:
    """Play twenty hours a day and sleep four, always the same four with some jitter."""
    drift = Drift(random_source, 0.05)
    script = Script(
        random_source,
        {"boss-fight": 1.0, "puzzle": 0.5},
        lambda now: 14.0 * random_source.lognormvariate(drift.at(now), 0.45),
        lambda _: random_source.choice((1.0, 1.5, 2.0, 45.0)) * random_source.lognormvariate(0.0, 0.4),
    )
    return host(random_source, run_script(script, daily(random_source, draw_zone(random_source), 5.0, 20.0, 0.2)))


def _pink_noise(random_source: random.Random) -> Sequence[Account]:
    """Use 1/f noise for the pace, as papers on human timing suggest, and play very long days."""
    drift, rests = Drift(random_source, 0.25), Drift(random_source, 0.4)
    script = Script(
        random_source,
        draw_mix(random_source),
        lambda now: 16.0 * random_source.lognormvariate(drift.at(now), 0.3),
        lambda now: 2.0 * random_source.lognormvariate(rests.at(now), 0.5),
    )
    hours = random_source.uniform(14.0, 20.0)
    return host(random_source, run_script(script, daily(random_source, draw_zone(random_source), 7.0, hours, 1.0)))


def _minimum_rider(random_source: random.Random) -> Sequence[Account]:
    """Complete just after the minimum in an evening's hours: not long, but faster than anybody."""
    mean = random_source.uniform(0.15, 0.8)
    script = Script(
        random_source,
        random_source.choice(({"puzzle": 1.0}, {"boss-fight": 1.0})),
        lambda _: random_source.expovariate(1.0 / mean),
        lambda _: random_source.lognormvariate(0.2, 0.5),
    )
    rhythm = draw_rhythm(random_source, Habit(19.0, 0.7, 0.9, 0.9, 160.0, 0.3))
    return host(random_source, run_script(script, sessions(random_source, rhythm)))


def _cron_job(random_source: random.Random) -> Sequence[Account]:
    """Start by cron at fixed minutes of every hour with a person's pace, and stop after some minutes."""
    hand, diary = draw_hand(random_source, {"puzzle": 1.0, "boss-fight": 1.0}), Diary()
    minutes = random_source.choice((15.0, 25.0, 40.0))
    for hour in range(7 * 24):
        if hour % 24 not in (3, 4, 5, 6):
            start = MIDNIGHT + hour * HOUR + random_source.uniform(0.4, 2.5)
            play_hand(diary, hand, [(start, start + 60.0 * minutes)])
    return host(random_source, diary)


def _capped(random_source: random.Random) -> Sequence[Account]:
    """Stop each day at an amount that a keen person could reach, at any hour at which it is reached."""
    cap, zone, windows = random_source.uniform(12_000, 21_000), draw_zone(random_source), []
    for start, _ in daily(random_source, zone, random_source.uniform(7.0, 15.0), 8.0, 0.8):
        length = cap / 100.0 * 38.0 * random_source.uniform(0.97, 1.0)
        windows.append((start, start + length))
    script = Script(
        random_source,
        {"boss-fight": 1.0},
        lambda _: random_source.lognormvariate(2.5, 0.4),
        lambda _: random_source.lognormvariate(0.9, 0.7),
    )
    return host(random_source, run_script(script, windows))


def _slow_tapper(random_source: random.Random) -> Sequence[Account]:
    """Tap far below the limit for some hours with a wandering tempo."""
    drift = Drift(random_source, 0.12)
    script = Script(
        random_source,
        {"tap": 1.0},
        lambda _: 0.0,
        lambda now: 2.8 * random_source.lognormvariate(drift.at(now), 0.25) + (random_source.random() < 0.01) * 20.0,
    )
    hours = random_source.uniform(1.8, 3.0)
    return host(random_source, run_script(script, daily(random_source, draw_zone(random_source), 10.0, hours, 0.6)))


def _tide(random_source: random.Random) -> Sequence[Account]:
    """Never stop, but slow down smoothly at night so that the day has a wave like a person's."""
    phase = random_source.uniform(0.0, 24.0)

    def rest(now: float) -> float:
        wave = 0.5 + 0.5 * cos(2.0 * pi * ((now - MIDNIGHT) / HOUR - phase) / 24.0)
        return random_source.expovariate(1.0 / (3.0 + 240.0 * wave**4))

    script = Script(random_source, draw_mix(random_source), lambda _: random_source.lognormvariate(2.7, 0.5), rest)
    return host(random_source, run_script(script, ALWAYS))


def _parallel_opener(random_source: random.Random) -> Sequence[Account]:
    """Open as many actions as the server allows, and complete them in a row as fast as it lets it."""
    diary, now = Diary(), MIDNIGHT + random_source.random() * 12 * HOUR
    for _, end in daily(random_source, draw_zone(random_source), 10.0, random_source.uniform(3.0, 8.0), 0.5):
        now = max(now, end - 6 * HOUR)
        while now < end:
            opened = now
            for index in range(12):  # the last two wait for a place
                now = diary.play("boss-fight", opened + 0.1 * index, 20.0 + random_source.expovariate(1.0))
            now += random_source.lognormvariate(2.0, 1.0)
    return host(random_source, diary)


def _song_skipper(random_source: random.Random) -> Sequence[Account]:
    """Report songs as heard right after the minimum, in the hours of a fan of music."""
    script = Script(
        random_source,
        {"song": 1.0},
        lambda _: random_source.expovariate(1.0 / 3.0),
        lambda _: random_source.lognormvariate(0.0, 0.5),
    )
    rhythm = draw_rhythm(random_source, Habit(9.0, 1.0, 0.6, 0.6, 60.0), Habit(18.0, 1.0, 0.9, 0.9, 240.0))
    return host(random_source, run_script(script, sessions(random_source, rhythm)))


SCRIPTS: tuple[Kind, ...] = (
    Kind("no wait", _no_wait, False, is_naive=True, notes="Completes at once, in a loop."),
    Kind("fixed interval", _fixed_interval, False, is_naive=True, notes="Sleeps the same time between boss fights."),
    Kind("tap flood", _tap_flood, False, is_naive=True, notes="Taps as fast as the limit of starts allows."),
    Kind("lockstep quick match", _lockstep_quick_match, False, is_naive=True, notes="A loop with a fixed sleep."),
    Kind("uniform jitter", _uniform_jitter, False, notes="Uniform waits for sixteen hours a day."),
    Kind("lognormal sleeper", _lognormal_sleeper, False, notes="Lognormal waits on long days, with a night's sleep."),
    Kind("fake breaks", _fake_breaks, False, notes="Random breaks, and no sleep at all."),
    Kind("heavy tails", _heavy_tails, False, notes="Waits of a Pareto law round the clock."),
    Kind("trickle", _trickle, False, notes="An action every few minutes that never stops."),
    Kind("fake sleep", _fake_sleep, False, notes="Twenty hours of play and four of sleep every day."),
    Kind("pink noise", _pink_noise, False, notes="A pace with long memory, on days that are too long."),
    Kind("minimum rider", _minimum_rider, False, notes="Just above the minimum, an evening a day."),
    Kind("cron job", _cron_job, False, notes="A person's pace that begins on the hour, every hour but four."),
    Kind("capped", _capped, False, notes="Stops each day at an amount that a keen person might reach."),
    Kind("slow tapper", _slow_tapper, False, notes="Taps for hours on end with a wandering tempo."),
    Kind("tide", _tide, False, notes="Never stops, and slows down at night."),
    Kind("parallel opener", _parallel_opener, False, notes="Opens all actions it may and completes them in a row."),
    Kind("song skipper", _song_skipper, False, notes="Reports songs that nobody heard to the end."),
)
