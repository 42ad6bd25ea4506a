"""People and owners of several accounts, simulated: a week of sessions each, with rhythms of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from anticheat.link_data import Vector
from anticheat.links import Account, ActionTimes, Sighting
from anticheat.rules import Cadence

DAY, HOUR = 86_400.0, 3600.0
MONDAY = 1_799_971_200.0
FIRST_DAY = int(MONDAY // DAY)


@dataclass(frozen=True)
class Hand:
    """A person's rhythm: seconds from one action to the next are log-normal around `usual`, with rare hesitations."""

    usual: float
    spread: float
    lapse: float
    mood: float = 0.05

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Hand:
        """Return another person's hand."""
        return cls(float(np.exp(rng.normal(1.3, 0.35))), rng.uniform(0.12, 0.5), rng.uniform(0.005, 0.05))

    def session(self, rng: np.random.Generator, begin: float, seconds: float, least: float = 0.3) -> Vector:
        """Return the times of a session's actions; the mood of the session makes all of them a little faster."""
        count = int(2 * seconds / self.usual) + 10
        intervals = self.usual * np.exp(rng.normal(rng.normal(0, self.mood), self.spread, count))
        intervals += np.where(rng.random(count) < self.lapse, rng.uniform(2, 20, count), 0.0)
        times = begin + np.cumsum(np.maximum(intervals, least))
        played: Vector = times[times < begin + seconds]
        return played


def account(
    name: str,
    times: Vector | Sequence[float],
    network: str = "",
    device: str = "phone",
    registered_at: float = 0.0,
    days: Sequence[int] = range(7),
    cadence: Cadence = "player",
) -> Account:
    """Return an account with these times of actions, seen on a network on some days of the week."""
    sightings = [Sighting(FIRST_DAY + day, network.encode(), device.encode()) for day in days if network]
    return Account(name, {"tap": ActionTimes(np.sort(np.array(times)), cadence)}, registered_at, sightings)


def evenings(rng: np.random.Generator, sessions: int | None = None, minutes: float = 25.0) -> list[tuple[float, float]]:
    """Return a person's sessions of a week, as begin and length in seconds; `minutes` is the usual length."""
    hour = rng.normal(18.5, 2.5)
    days = rng.integers(0, 7, sessions or rng.integers(3, 12))
    return [
        (
            MONDAY + day * DAY + (hour + rng.normal(0, 1.5)) * HOUR,
            min(2 * HOUR, 60 * minutes * np.exp(rng.normal(0, 0.6))),
        )
        for day in days
    ]


def week(hand: Hand, rng: np.random.Generator, sessions: list[tuple[float, float]] | None = None) -> Vector:
    """Return the times of a week's actions."""
    parts = [hand.session(rng, begin, length) for begin, length in sessions or evenings(rng)]
    return np.concatenate(parts)


def honest(
    name: str, rng: np.random.Generator, network: str = "", device: str = "phone", minutes: float = 25.0
) -> Account:
    """Return a person with a rhythm and hours of their own."""
    return account(name, week(Hand.drawn(rng), rng, evenings(rng, minutes=minutes)), network, device)


def strangers(count: int, rng: np.random.Generator) -> list[Account]:
    """Return so many people, each on a network of their own."""
    return [honest(f"stranger-{number}", rng, f"network-{number}") for number in range(count)]


def shared_device(name: str, members: int, rng: np.random.Generator, minutes: float = 25.0) -> list[Account]:
    """Return a family that takes turns at one device on most evenings, so never overlaps."""
    hands = [Hand.drawn(rng) for _ in range(members)]
    times: list[list[Vector]] = [[] for _ in hands]
    for day in range(7):
        now = MONDAY + day * DAY + rng.normal(17, 1) * HOUR
        for _ in range(rng.integers(2, 7)):
            member, length = int(rng.integers(members)), rng.uniform(0.4, 1.6) * 60 * minutes
            times[member].append(hands[member].session(rng, now, length))
            now += length + rng.uniform(20, 900)
    return [
        account(f"{name}-{member}", np.concatenate([*parts, np.zeros(0)]), name, "the tablet")
        for member, parts in enumerate(times)
    ]


def household(name: str, members: int, rng: np.random.Generator, minutes: float = 25.0) -> list[Account]:
    """Return a household with one line, and a device each."""
    return [honest(f"{name}-{member}", rng, name, f"device-{member}", minutes) for member in range(members)]


def twins(name: str, rng: np.random.Generator, minutes: float = 25.0) -> list[Account]:
    """Return twins with nearly the same rhythm, who always play together in one room."""
    first, sessions = Hand.drawn(rng), evenings(rng, minutes=minutes)
    second = Hand(first.usual * rng.uniform(0.95, 1.05), first.spread * rng.uniform(0.9, 1.1), first.lapse)
    return [
        account(
            f"{name}-{number}",
            week(hand, rng, [(begin + rng.uniform(0, 20), length) for begin, length in sessions]),
            name,
        )
        for number, hand in enumerate((first, second))
    ]


def school(name: str, pupils: int, rng: np.random.Generator, minutes: float = 40.0) -> list[Account]:
    """Return a class: registered within minutes, one kind of client, all begin when the teacher says so."""
    lessons = [(MONDAY + day * DAY + 10 * HOUR, 60 * minutes) for day in (0, 2, 4)]
    return [
        account(
            f"{name}-{pupil}",
            week(Hand.drawn(rng), rng, [(begin + rng.uniform(0, 5), length) for begin, length in lessons]),
            name,
            "school laptop",
            MONDAY + 9.9 * HOUR + rng.uniform(0, 400),
        )
        for pupil in range(pupils)
    ]


def lan_party(name: str, rng: np.random.Generator) -> list[Account]:
    """Return eight players in one room for a night: rounds that begin and end together, and the same breaks."""
    rounds = [(MONDAY + 4 * DAY + 20 * HOUR + number * 720.0, rng.uniform(400, 650)) for number in range(25)]
    return [
        account(
            f"{name}-{guest}",
            week(Hand.drawn(rng), rng, [(begin + rng.normal(1, 0.3), length) for begin, length in rounds]),
            name,
            f"rig-{guest}",
            MONDAY + 4 * DAY + 19 * HOUR + rng.uniform(0, 900),
        )
        for guest in range(8)
    ]


def mobile_network(name: str, count: int, rng: np.random.Generator) -> list[Account]:
    """Return strangers behind one carrier, on a few popular phones."""
    return [honest(f"{name}-{number}", rng, name, f"phone-{rng.integers(12)}") for number in range(count)]


def in_step(name: str, count: int, lag: float, jitter: float, rng: np.random.Generator) -> list[Account]:
    """Return a farm: one person's sessions repeated at a lag, each action late by an exponential jitter."""
    source = week(Hand.drawn(rng), rng, evenings(rng, 5))
    return [
        account(
            f"{name}-{number}",
            np.sort(source + number * lag + rng.exponential(jitter, len(source))),
            f"{name}-{number}",
        )
        for number in range(count)
    ]


def rotated(name: str, count: int, rng: np.random.Generator, minutes: float = 10.0, people: int = 1) -> list[Account]:
    """Return the accounts of an owner who plays them one after the other, by hand; or of people who take turns."""
    hands = [Hand.drawn(rng) for _ in range(people)]
    times: list[list[Vector]] = [[] for _ in range(count)]
    for begin, length in evenings(rng, 8):
        turns = np.arange(begin, begin + 3 * length + 1, 60 * minutes)
        for number, (start, end) in enumerate(pairwise(turns)):
            times[number % count].append(hands[number % people].session(rng, start, end - start - rng.uniform(15, 60)))
    return [account(f"{name}-{number}", np.concatenate(parts), name) for number, parts in enumerate(times)]


def shifts(name: str, rng: np.random.Generator) -> list[Account]:
    """Return three accounts that three workers play around the clock, each for eight hours, in turns of 20 minutes."""
    hands = [Hand.drawn(rng) for _ in range(3)]
    times: list[list[Vector]] = [[] for _ in range(3)]
    for turn in range(int(3 * DAY / 1200)):
        begin = MONDAY + turn * 1200.0
        hand = hands[int(begin % DAY // (8 * HOUR))]
        times[turn % 3].append(hand.session(rng, begin, 1200 - rng.uniform(20, 90)))
    return [account(f"{name}-{number}", np.concatenate(parts), name) for number, parts in enumerate(times)]


def handed_over(name: str, rng: np.random.Generator) -> list[Account]:
    """Return an account that is another person's from Thursday on, who plays it beside the own account, in turns."""
    seller, buyer = Hand.drawn(rng), Hand.drawn(rng)
    before = [(begin, length) for begin, length in evenings(rng, 12) if begin < MONDAY + 3 * DAY]
    own: list[Vector] = [week(buyer, rng, [(MONDAY + day * DAY + 18 * HOUR, 3000.0) for day in range(3)])]
    bought = [week(seller, rng, before or [(MONDAY + 12 * HOUR, 3000.0)])]
    for day in range(3, 7):
        for turn in range(8):
            begin = MONDAY + day * DAY + 17 * HOUR + turn * 900
            (own if turn % 2 else bought).append(buyer.session(rng, begin, 900 - rng.uniform(20, 60)))
    sold = account(f"{name}-sold", np.concatenate(bought))
    networks = [f"{name}-seller" if day < 3 else name for day in range(7)]
    sightings = [Sighting(FIRST_DAY + day, network.encode(), b"phone") for day, network in enumerate(networks)]
    return [replace(sold, sightings=sightings), account(f"{name}-buyer", np.concatenate(own), name)]
