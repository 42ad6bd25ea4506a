"""Honest kinds for tuning, the mainstream: people of all speeds and weeks, by how much and where they play."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bench.fairness.clients import account, anywhere, device, home, lognormal, mobile, poor_line, registration
from bench.fairness.people import Hand, hand
from bench.fairness.routines import Routine, in_order, person_kind, play_week, poisson, routine, sessions
from bench.fairness.world import DAY, HOUR, MIDNIGHT, Account, Kind


def _commuting(rng: random.Random, usual: Routine) -> Routine:
    return replace(usual, favourite=rng.choice((7.9, 8.2, 17.8, 18.3)), daily=usual.daily * 1.3, minutes_spread=0.35)


def _tired(rng: random.Random, usual: Hand) -> Hand:
    return replace(
        usual,
        pause=usual.pause * rng.uniform(1.5, 4),
        hesitation=rng.uniform(0.05, 0.25),
        lapse=rng.uniform(0.005, 0.03),
        fatigue=rng.uniform(0.2, 0.8),
    )


def _household(rng: random.Random) -> Sequence[Account]:
    """Return two to five people who live together, each with their own week, often with the same devices."""
    place, usual = home(rng), routine(rng, 1.0, 20)
    members = []
    for _ in range(rng.choice((2, 2, 2, 3, 4, 5))):
        own = replace(routine(rng, 1.0, 20), zone=usual.zone, monday=usual.monday)
        client = replace(place, device=rng.choice((place.device, device(rng))))
        members.append(account(play_week(rng, hand(rng), client, sessions(rng, own)), client, registration(rng)))
    return members


def _weekender(rng: random.Random, usual: Routine) -> Routine:
    return replace(usual, daily=0.1, weekend=rng.uniform(15, 30), is_on_holiday=False)


def _newcomer(rng: random.Random) -> Sequence[Account]:
    """Return a person who registers during the week, tries everything, and stays or leaves."""
    place, person, usual = anywhere(rng), hand(rng, 0.7, 1.3), routine(rng, 1.2, 25)
    registered_at = MIDNIGHT + rng.uniform(0, 6.5) * DAY
    end = registered_at + rng.choice((lognormal(rng, 0.5, 0.8) * HOUR, 7 * DAY))
    spans = [(registered_at + rng.uniform(10, 300), registered_at + lognormal(rng, 900, 0.7))]
    spans += [span for span in sessions(rng, usual) if registered_at < span[0] < end]
    return [account(play_week(rng, person, place, in_order(spans)), place, registered_at)]


def _glancer(rng: random.Random) -> Sequence[Account]:
    """Return a person who plays one or two actions whenever the phone is in the hand."""
    place, usual = mobile(rng), routine(rng, 1.0, 2)
    spans = sessions(rng, replace(usual, busy=None, daily=float(2 + poisson(rng, 8)), minutes=1.5))
    return [account(play_week(rng, hand(rng), place, spans), place, registration(rng))]


MAINSTREAM: Final = (
    Kind("casual", person_kind(0.5, 14), True, share=0.27),
    Kind("regular", person_kind(1.0, 22), True, share=0.25),
    Kind("keen", person_kind(2.0, 40, speed=1.2), True, share=0.09),
    Kind("expert", person_kind(1.8, 40, speed=1.7, care=0.6), True, share=0.04),
    Kind("tired after work", person_kind(0.7, 20, style=_tired), True, share=0.08),
    Kind("commuter", person_kind(1.2, 18, where=mobile, habits=_commuting), True, share=0.08),
    Kind(
        "far away",
        person_kind(0.9, 20, where=lambda rng: replace(home(rng), line=poor_line(rng))),
        True,
        share=0.05,
    ),
    Kind("household", _household, True, share=0.04, notes="two to five accounts, one address"),
    Kind("weekend player", person_kind(0.3, 45, habits=_weekender), True, share=0.05),
    Kind("newcomer", _newcomer, True, share=0.03),
    Kind("glances at it", _glancer, True, share=0.02),
)
