"""Farms: several accounts of one operator, by script or by hand."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial

from bench.fairness.reporting_diary import (
    MINIMUM,
    Diary,
    common_device,
    home_network,
    past_registration,
    private_network,
)
from bench.fairness.reporting_hands import play_hand, play_session
from bench.fairness.reporting_hours import Habit, Window, daily, draw_rhythm, draw_zone, separated, sessions
from bench.fairness.reporting_mimics import RICH_MIX, Replay, keen_hand, keen_rhythm, record
from bench.fairness.reporting_scripts import Script, draw_mix, run_script
from bench.fairness.world import DAY, HOUR, MIDNIGHT, WEEK, Account, Kind


def _lognormal_script(random_source: random.Random, middle: float, spread: float, rest: float) -> Script:
    return Script(
        random_source,
        draw_mix(random_source),
        lambda _: random_source.lognormvariate(middle, spread),
        lambda _: random_source.expovariate(1.0 / rest),
    )


def _shadow(random_source: random.Random, leader: Diary, delay: Callable[[float], float], loss: float) -> Diary:
    """Return the plays of a leader, each later by `delay` of its start; a part is left out."""
    diary = Diary()
    for play in leader.plays:
        if random_source.random() >= loss:
            over = play.completed_at - play.issued_at - MINIMUM[play.action_type]
            seconds = MINIMUM[play.action_type] + over * random_source.lognormvariate(0.0, 0.03)
            start = max(play.issued_at + delay(play.issued_at), diary.free_at + 0.02)
            diary.play(play.action_type, start, seconds)
    return diary


def _late(random_source: random.Random, delay: float, _: float) -> float:
    return delay + random_source.gauss(0.0, 2.0)


def _in_step(random_source: random.Random) -> Sequence[Account]:
    """Send each command to all accounts at once, from one server."""
    network, device = private_network(random_source, "server"), common_device(random_source)
    windows = daily(random_source, draw_zone(random_source), 9.0, random_source.uniform(4.0, 8.0), 0.6)
    leader = run_script(_lognormal_script(random_source, 3.0, 0.5, 8.0), windows)
    registered_at, accounts = past_registration(random_source, 20.0), []
    for _ in range(random_source.randrange(5, 10)):
        diary = _shadow(random_source, leader, lambda _: random_source.expovariate(1 / 0.3), 0.02)
        registered_at += random_source.uniform(20.0, 200.0)
        accounts.append(diary.account(network, device, registered_at))
    return accounts


def _delayed_copies(random_source: random.Random) -> Sequence[Account]:
    """Copy one person's play to accounts elsewhere, each by minutes later, with parts left out."""
    leader = play_hand(Diary(), keen_hand(random_source), sessions(random_source, keen_rhythm(random_source)))
    accounts = [
        leader.account(home_network(random_source), common_device(random_source), past_registration(random_source))
    ]
    for _ in range(random_source.randrange(3, 7)):
        delay = random_source.uniform(30.0, 5400.0)
        diary = _shadow(random_source, leader, partial(_late, random_source, delay), 0.1)
        device = common_device(random_source)
        accounts.append(diary.account(private_network(random_source), device, past_registration(random_source)))
    return accounts


def _rotating(random_source: random.Random) -> Sequence[Account]:
    """Move one script from account to account, so that each has short sessions and one of them always plays."""
    network, devices = private_network(random_source), [common_device(random_source) for _ in range(6)]
    script = _lognormal_script(random_source, 2.8, 0.6, 4.0)
    diaries = [Diary() for _ in devices]
    now, order = MIDNIGHT, list(range(len(devices)))
    while now < MIDNIGHT + WEEK:
        random_source.shuffle(order)
        for index in order:
            end = now + 60.0 * random_source.uniform(25.0, 80.0)
            play_session(diaries[index], script, (now, end))
            now = max(end, diaries[index].free_at) + random_source.uniform(5.0, 60.0)
    return [
        diary.account(network, device, past_registration(random_source, 30.0))
        for diary, device in zip(diaries, devices, strict=True)
    ]


def _slow_grown(random_source: random.Random) -> Sequence[Account]:
    """Grow accounts over months behind their own networks: one program, one set of numbers, different days."""
    middle, spread, rest = (
        random_source.uniform(2.2, 3.2),
        random_source.uniform(0.4, 0.6),
        random_source.uniform(3.0, 9.0),
    )
    accounts = []
    for _ in range(10):
        rhythm = draw_rhythm(random_source, Habit(13.0, 1.0, 0.8, 0.8, 60.0), Habit(19.0, 1.0, 0.95, 0.95, 170.0, 0.3))
        diary = run_script(_lognormal_script(random_source, middle, spread, rest), sessions(random_source, rhythm))
        device = common_device(random_source)
        accounts.append(diary.account(private_network(random_source), device, past_registration(random_source, 150.0)))
    return accounts


def _phone_rack(random_source: random.Random) -> Sequence[Account]:
    """Fill a rack with equal phones, registered within an hour: each trickles all day behind one network."""
    network = private_network(random_source, "rack")
    registered_at, accounts = MIDNIGHT - DAY * random_source.uniform(1.0, 9.0), []
    for _ in range(12):
        registered_at += random_source.uniform(60.0, 400.0)
        script = _lognormal_script(random_source, 3.0, 0.5, random_source.uniform(120.0, 300.0))
        start = MIDNIGHT + random_source.uniform(0.0, 600.0)
        accounts.append(run_script(script, [(start, MIDNIGHT + WEEK)]).account(network, "phone-cheap", registered_at))
    return accounts


def _by_hand(random_source: random.Random) -> Sequence[Account]:
    """Play four accounts by hand, one after the other, each evening."""
    network, device, hand = private_network(random_source), common_device(random_source), keen_hand(random_source)
    diaries = [Diary() for _ in range(4)]
    for start, end in sessions(random_source, keen_rhythm(random_source)):
        part, now = (end - start) * random_source.uniform(0.25, 0.6), start
        for diary in random_source.sample(diaries, random_source.randrange(2, 5)):
            play_hand(diary, hand, [(now, now + part * random_source.uniform(0.5, 1.3))])
            now = diary.free_at + random_source.uniform(10.0, 90.0)
    return [diary.account(network, device, past_registration(random_source)) for diary in diaries]


def _two_windows(random_source: random.Random) -> Sequence[Account]:
    """Play two accounts in two windows by hand: while one counts down, the other is played."""
    network, device, hand = private_network(random_source), common_device(random_source), keen_hand(random_source)
    diaries = [Diary(), Diary()]
    for window in sessions(random_source, keen_rhythm(random_source)):
        now, turn = window[0], 0
        while now < window[1]:
            turn = 1 - turn
            start = max(now, diaries[turn].free_at + random_source.uniform(0.3, 2.0))
            end = diaries[turn].play("boss-fight", start, hand.seconds("boss-fight", now))
            now = max(start + 0.45 * (end - start), start + random_source.uniform(2.0, 8.0))
            if random_source.random() < hand.breaks:
                now = end + random_source.uniform(60.0, 600.0)
    registered_at = past_registration(random_source)
    return [diary.account(network, device, registered_at + DAY * index) for index, diary in enumerate(diaries)]


def _shared_library(random_source: random.Random) -> Sequence[Account]:
    """Replay pieces of the same few recordings on accounts with hours and networks of their own."""
    start = MIDNIGHT + DAY
    library = [
        record(play_hand(Diary(), keen_hand(random_source), [(start, start + 2.0 * HOUR)]).plays) for _ in range(3)
    ]
    accounts = []
    for _ in range(random_source.randrange(4, 8)):
        diary, rhythm = Diary(), keen_rhythm(random_source)
        for window in sessions(random_source, rhythm):
            replay = Replay(random_source, random_source.choice(library), 0.04, position=random_source.randrange(50))
            play_session(diary, replay, (max(window[0], diary.free_at + 1.0), window[1]))
        device = common_device(random_source)
        accounts.append(diary.account(private_network(random_source), device, past_registration(random_source)))
    return accounts


def _same_seed(random_source: random.Random) -> Sequence[Account]:
    """Start the same program with the same seed on each account: equal waits at different times of the day."""
    seed, accounts = random_source.random(), []
    hours = random_source.uniform(3.0, 6.0)
    for _ in range(random_source.randrange(3, 7)):
        windows = daily(random_source, draw_zone(random_source), random_source.uniform(8.0, 18.0), hours, 0.3)
        diary = run_script(_lognormal_script(random.Random(seed), 2.8, 0.5, 5.0), windows)
        device = common_device(random_source)
        accounts.append(
            diary.account(f"proxy-{random_source.randrange(9)}", device, past_registration(random_source, 15.0))
        )
    return accounts


def _throw_away(random_source: random.Random) -> Sequence[Account]:
    """Register a new account every few hours behind another proxy, play it hard for a day, and drop it."""
    now, accounts = MIDNIGHT + random_source.uniform(0.0, 6.0) * HOUR, []
    while now < MIDNIGHT + WEEK - 12 * HOUR:
        network, registered_at = f"proxy-{random_source.randrange(40)}", now
        script = Script(
            random_source,
            RICH_MIX,
            lambda _: random_source.gammavariate(2.0, 5.0),
            lambda _: random_source.lognormvariate(1.0, 0.7),
        )
        start = now + random_source.uniform(20.0, 300.0)
        window = (start, start + HOUR * random_source.uniform(9.0, 16.0))
        accounts.append(run_script(script, [window]).account(network, common_device(random_source), registered_at))
        now += HOUR * random_source.uniform(8.0, 22.0)
    return accounts


def _weekday_roster(random_source: random.Random) -> Sequence[Account]:
    """Give each account two or three days of the week with an honest day's hours, by one roster."""
    network, zone, accounts = private_network(random_source), draw_zone(random_source), []
    for _ in range(5):
        days = random_source.sample(daily(random_source, zone, 10.0, 10.0, 1.0)[1:8], random_source.randrange(2, 4))
        parts: list[Window] = []
        for start, end in days:
            middle = start + (end - start) * random_source.uniform(0.3, 0.6)
            parts += [(start, middle), (middle + HOUR * random_source.uniform(0.5, 1.5), end)]
        diary = run_script(_lognormal_script(random_source, 2.6, 0.5, 6.0), separated(parts))
        accounts.append(diary.account(network, common_device(random_source), past_registration(random_source, 60.0)))
    return accounts


FARMS: tuple[Kind, ...] = (
    Kind("farm in step", _in_step, False, notes="All accounts do the same at the same moment."),
    Kind("farm of delayed copies", _delayed_copies, False, notes="A person's play, copied minutes or an hour later."),
    Kind("rotating farm", _rotating, False, notes="One script moves from account to account without a pause."),
    Kind("slow-grown farm", _slow_grown, False, notes="Accounts of many months with nothing shared but a program."),
    Kind("phone rack", _phone_rack, False, notes="Equal phones, registered in an hour, trickle all day."),
    Kind("farm by hand", _by_hand, False, notes="One person plays four accounts one after another."),
    Kind("two windows", _two_windows, False, notes="One person plays two accounts at the same time."),
    Kind("shared library", _shared_library, False, notes="Accounts replay pieces of the same recordings."),
    Kind("same seed", _same_seed, False, notes="Equal waits on all accounts, at different times."),
    Kind("throw-away farm", _throw_away, False, notes="A new account every few hours, played for a day."),
    Kind("weekday roster", _weekday_roster, False, notes="Each account has its days of the week."),
)
