"""Cheats made of people: recordings, models of a person, people and scripts in turns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final, TypeAlias

from anticheat.history import Completion
from bench.fairness.reporting_diary import MINIMUM, Diary, common_device, home_network, merged, past_registration
from bench.fairness.reporting_hands import Drift, Hand, draw_hand, play_hand, play_session, week_by_hand
from bench.fairness.reporting_hours import Habit, Rhythm, Window, daily, draw_rhythm, draw_zone, separated, sessions
from bench.fairness.reporting_mainstream import settle
from bench.fairness.reporting_scripts import ALWAYS, Script, host, run_script
from bench.fairness.world import DAY, HOUR, MIDNIGHT, Account, Kind

Beat: TypeAlias = tuple[str, float, float]
"""A recorded action: its type, its seconds, and the seconds until the next one."""
RICH_MIX: Final = {"boss-fight": 1.0, "puzzle": 1.0}


def keen_hand(random_source: random.Random) -> Hand:
    return draw_hand(random_source, {"quick-match": 0.4, "puzzle": 1.0, "boss-fight": 1.0}, speed=0.7)


def keen_rhythm(random_source: random.Random) -> Rhythm:
    return draw_rhythm(random_source, Habit(13.0, 1.0, 0.4, 0.6, 45.0), Habit(19.3, 0.7, 0.92, 0.9, 130.0, 0.4))


def record(plays: Sequence[Completion]) -> list[Beat]:
    """Return the beats of plays; a pause of more than a quarter of an hour is left out."""
    return [
        (play.action_type, play.completed_at - play.issued_at, max(0.05, following.issued_at - play.completed_at))
        for play, following in pairwise(plays)
        if following.issued_at - play.completed_at < 900.0
    ]


def _recording(random_source: random.Random, hours: float) -> list[Beat]:
    start = MIDNIGHT + DAY
    return record(play_hand(Diary(), keen_hand(random_source), [(start, start + HOUR * hours)]).plays)


@dataclass
class Replay:
    """Play a recording in a loop, with a relative noise on each time; `block` beats are taken from a random place."""

    random_source: random.Random
    beats: Sequence[Beat]
    noise: float
    block: int = 0
    position: int = 0
    beat: Beat = field(default=("", 0.0, 0.0))

    def choose(self, now: float) -> str:
        if self.block and self.position % self.block == 0:
            self.position = self.random_source.randrange(len(self.beats)) // self.block * self.block
        self.beat = self.beats[self.position % len(self.beats)]
        self.position += 1
        return self.beat[0]

    def seconds(self, action_type: str, now: float) -> float:
        over = self.beat[1] - MINIMUM[action_type]
        return MINIMUM[action_type] + over * self.random_source.lognormvariate(0.0, self.noise)

    def gap(self, action_type: str, now: float) -> float:
        return self.beat[2] * self.random_source.lognormvariate(0.0, self.noise)


def _replay(replay: Replay, windows: Sequence[Window]) -> Diary:
    diary = Diary()
    for window in windows:
        play_session(diary, replay, window)
    return diary


def _replayed_evening(random_source: random.Random) -> Sequence[Account]:
    replay = Replay(random_source, _recording(random_source, 2.5), random_source.choice((0.01, 0.03, 0.06)))
    windows = daily(random_source, draw_zone(random_source), 14.0, random_source.uniform(6.0, 11.0), 0.5)
    return host(random_source, _replay(replay, windows))


def _shuffled_human(random_source: random.Random) -> Sequence[Account]:
    """Draw single beats from a person's recording: all frequencies are right, the order is not."""
    replay = Replay(random_source, _recording(random_source, 4.0), 0.08, block=1)
    windows = daily(random_source, draw_zone(random_source), 7.0, random_source.uniform(12.0, 18.0), 0.7)
    return host(random_source, _replay(replay, windows))


def _remixed_blocks(random_source: random.Random) -> Sequence[Account]:
    """Cut recordings into blocks of some minutes and mix them anew within a keen person's hours, made longer."""
    replay = Replay(random_source, _recording(random_source, 8.0), 0.12, block=random_source.randrange(10, 40))
    stretch = random_source.uniform(2.0, 3.5)
    windows = [
        (start, start + stretch * (end - start)) for start, end in sessions(random_source, keen_rhythm(random_source))
    ]
    return host(random_source, _replay(replay, separated(windows)))


def _honest_hours(random_source: random.Random) -> Sequence[Account]:
    """Play exactly a keen person's sessions by independent draws, without pauses and a little faster."""
    script = Script(
        random_source,
        RICH_MIX,
        lambda _: random_source.lognormvariate(2.3, 0.35),
        lambda _: random_source.lognormvariate(0.3, 0.5),
    )
    return host(random_source, run_script(script, sessions(random_source, keen_rhythm(random_source))))


def _mimic(random_source: random.Random) -> Sequence[Account]:
    """Mimic one person with a model of the pace, drift and breaks included, in sessions twice as long."""
    hand = keen_hand(random_source)
    hand.tiring, hand.lapses = 0.0, 0.5 * hand.lapses
    stretch = random_source.uniform(1.6, 3.0)
    windows = [
        (start, start + stretch * (end - start)) for start, end in sessions(random_source, keen_rhythm(random_source))
    ]
    return host(random_source, play_hand(Diary(), hand, separated(windows)))


def _trained_model(random_source: random.Random) -> Sequence[Account]:
    """Switch between hidden states, fast, steady and absent, that a model learned from many people."""
    state, waits = [0], ((1.9, 0.3), (2.6, 0.4), (3.6, 0.8))

    def wait(_: float) -> float:
        if random_source.random() < 0.04:
            state[0] = random_source.choices(range(3), (0.35, 0.55, 0.1))[0]
        return random_source.lognormvariate(*waits[state[0]])

    script = Script(random_source, RICH_MIX, wait, lambda _: random_source.lognormvariate(0.7, 0.3 + 0.3 * state[0]))
    hours = random_source.uniform(8.0, 12.0)
    return host(random_source, run_script(script, daily(random_source, draw_zone(random_source), 11.0, hours, 1.2)))


def _language_model(random_source: random.Random) -> Sequence[Account]:
    """Let a language model play: the time of its tokens, some long thoughts, and pauses that it invents."""

    def wait(_: float) -> float:
        tokens = random_source.lognormvariate(5.0, 0.6) * (6.0 if random_source.random() < 0.08 else 1.0)
        return 0.4 + tokens / random_source.gauss(55.0, 5.0)

    def rest(_: float) -> float:
        if random_source.random() < 0.02:
            return 60.0 * random_source.choice((1, 2, 3, 5, 10, 15)) + random_source.uniform(0.0, 5.0)
        return random_source.choice((1.0, 1.5, 2.0, 2.5, 3.0)) + random_source.random()

    script = Script(random_source, {"puzzle": 1.0, "boss-fight": 0.6}, wait, rest)
    hours = random_source.uniform(12.0, 18.0)
    return host(random_source, run_script(script, daily(random_source, draw_zone(random_source), 8.0, hours, 0.8)))


def _human_in_the_loop(random_source: random.Random) -> Sequence[Account]:
    """Let a person start and look after each session, while the script plays most of it."""
    hand, diary = keen_hand(random_source), Diary()
    drift = Drift(random_source, 0.12)
    script = Script(
        random_source,
        RICH_MIX,
        lambda now: 11.0 * random_source.lognormvariate(drift.at(now), 0.35),
        lambda _: random_source.lognormvariate(0.5, 0.4),
    )
    for start, end in daily(random_source, draw_zone(random_source), 10.0, random_source.uniform(7.0, 13.0), 1.0):
        now = start
        while now < end:
            play_hand(diary, hand, [(now, now + 60.0 * random_source.uniform(2.0, 9.0))])
            now = diary.free_at + random_source.uniform(1.0, 20.0)
            play_session(diary, script, (now, min(end, now + 60.0 * random_source.uniform(20.0, 70.0))))
            now = max(now, diary.free_at) + random_source.uniform(2.0, 200.0)
    return host(random_source, diary)


def _night_bot(random_source: random.Random) -> Sequence[Account]:
    """Let a person play in the evening, and a script in the person's sleep."""
    rhythm = keen_rhythm(random_source)
    by_hand = week_by_hand(random_source, keen_hand(random_source), rhythm)
    script = Script(
        random_source,
        RICH_MIX,
        lambda _: random_source.lognormvariate(2.6, 0.5),
        lambda _: random_source.lognormvariate(1.0, 0.8),
    )
    nights = daily(random_source, rhythm.zone, 25.0, random_source.uniform(4.0, 6.5), 0.4)
    return settle(random_source, merged([by_hand, run_script(script, nights)]))


def _session_stretcher(random_source: random.Random) -> Sequence[Account]:
    """Let a script go on with the pace of today's recording when the person leaves."""
    hand, diary = keen_hand(random_source), Diary()
    for start, end in sessions(random_source, keen_rhythm(random_source)):
        before = len(diary.plays)
        play_hand(diary, hand, [(max(start, diary.free_at), end)])
        beats = record(diary.plays[before:])
        if len(beats) > 10:
            begin = diary.free_at + random_source.uniform(2.0, 60.0)
            window = (begin, begin + HOUR * random_source.uniform(2.0, 4.5))
            play_session(diary, Replay(random_source, beats, 0.1, block=6), window)
    return settle(random_source, diary)


def _macro_for_the_boring_part(random_source: random.Random) -> Sequence[Account]:
    """Play the good parts by hand, and the quick matches between them by a macro with a jitter."""
    hand, diary = keen_hand(random_source), Diary()
    wait, jitter = random_source.uniform(0.4, 1.5), random_source.uniform(0.03, 0.25)
    macro = Script(
        random_source,
        {"quick-match": 1.0},
        lambda _: wait + random_source.gauss(0.0, jitter),
        lambda _: 0.8 + random_source.gauss(0.0, jitter),
    )
    for start, end in sessions(random_source, keen_rhythm(random_source)):
        now = max(start, diary.free_at)
        while now < end:
            play_hand(diary, hand, [(now, now + 60.0 * random_source.uniform(5.0, 20.0))])
            now = diary.free_at + random_source.uniform(2.0, 30.0)
            play_session(diary, macro, (now, now + 60.0 * random_source.uniform(8.0, 25.0)))
            now = diary.free_at + random_source.uniform(2.0, 60.0)
    return settle(random_source, diary)


def _tired_grinder(random_source: random.Random) -> Sequence[Account]:
    """Stay awake for twenty hours a day with a clicker that completes the boss while the person dozes."""
    hand, diary = draw_hand(random_source, {"boss-fight": 1.0, "puzzle": 0.5}), Diary()
    hand.tiring, hand.breaks = 0.15, 0.03
    clicker = Script(
        random_source,
        {"boss-fight": 1.0},
        lambda _: 2.0 + random_source.uniform(0.0, 1.5),
        lambda _: 1.0 + 0.5 * random_source.random(),
    )
    for start, end in daily(random_source, draw_zone(random_source), 8.0, random_source.uniform(17.5, 20.5), 0.5):
        now = start
        while now < end:
            play_hand(diary, hand, [(now, now + HOUR * random_source.uniform(0.3, 1.5))])
            now = diary.free_at + random_source.uniform(5.0, 300.0)
            dozing = (0.2 + 0.8 * (now - start) / (end - start)) * random_source.uniform(0.2, 1.4)
            play_session(diary, clicker, (now, min(end, now + HOUR * dozing)))
            now = max(now, diary.free_at) + random_source.uniform(5.0, 300.0)
    return settle(random_source, diary)


def _pause_filler(random_source: random.Random) -> Sequence[Account]:
    """Copy the weekly hours of a keen person and only add: a script fills every pause that the person makes."""
    by_hand = week_by_hand(random_source, keen_hand(random_source), keen_rhythm(random_source))
    script = Script(
        random_source,
        {"boss-fight": 1.0},
        lambda _: random_source.lognormvariate(2.4, 0.6),
        lambda _: random_source.lognormvariate(0.8, 0.5),
    )
    plays = by_hand.plays
    pauses = [
        (play.completed_at + random_source.uniform(3.0, 30.0), following.issued_at - 60.0)
        for play, following in pairwise(plays)
        if 90.0 < following.issued_at - play.completed_at < 5.0 * HOUR
    ]
    return settle(random_source, merged([by_hand, run_script(script, pauses)]))


def _endless_mimic(random_source: random.Random) -> Sequence[Account]:
    """Let a perfect model of a person play round the clock, with breaks but no night."""
    hand = replace(keen_hand(random_source), tiring=0.0, breaks=0.04, mix={"boss-fight": 1.0, "puzzle": 0.5})
    device = common_device(random_source)
    diary = play_hand(Diary(), hand, ALWAYS)
    return [diary.account(home_network(random_source), device, past_registration(random_source, 20.0))]


MIMICS: tuple[Kind, ...] = (
    Kind("replayed evening", _replayed_evening, False, notes="One recorded evening in a loop, with a little noise."),
    Kind("shuffled human", _shuffled_human, False, notes="A person's times in a random order."),
    Kind("remixed blocks", _remixed_blocks, False, notes="Blocks of recordings, mixed anew each session."),
    Kind("honest hours", _honest_hours, False, notes="A keen person's sessions by independent draws."),
    Kind("mimic", _mimic, False, notes="A model of one person with drift and breaks, for twice the time."),
    Kind("trained model", _trained_model, False, notes="Hidden states learned from people."),
    Kind("language model", _language_model, False, notes="Paced by tokens, with invented pauses."),
    Kind("human in the loop", _human_in_the_loop, False, notes="A person starts what a script goes on with."),
    Kind("night bot", _night_bot, False, notes="A person by day, a script in the person's sleep."),
    Kind("session stretcher", _session_stretcher, False, notes="A script goes on when the person leaves."),
    Kind("macro for the boring part", _macro_for_the_boring_part, False, notes="A macro plays the quick matches only."),
    Kind("tired grinder", _tired_grinder, False, notes="Twenty hours a day, dozing beside a clicker."),
    Kind("pause filler", _pause_filler, False, notes="A script plays in every pause of a person's day."),
    Kind("endless mimic", _endless_mimic, False, notes="A perfect model of a person who never sleeps."),
)
