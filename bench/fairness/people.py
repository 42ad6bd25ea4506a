"""People at the game: a speed and spread of their own, moods with a long memory, tiredness, hesitations, errors."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.fairness.clients import Client, lognormal
from bench.fairness.world import ACTIONS

BY_HAND: Final = tuple(name for name, action in ACTIONS.items() if action.limits.cadence == "player")
_SONGS: Final = tuple(16.0 + 3.7 * number for number in range(12))
_OCTAVES: Final = 7


class Drift:
    """Noise whose power falls with its frequency, as that of moods and attention: each octave changes half as often."""

    def __init__(self, rng: random.Random, amplitude: float) -> None:
        self._rng, self._step = rng, 0
        self._each = amplitude / math.sqrt(_OCTAVES)
        self._parts = [rng.gauss(0, self._each) for _ in range(_OCTAVES)]

    def next(self) -> float:
        """Return the next value: 0 on average, `amplitude` its standard deviation."""
        self._step += 1
        octave = min((self._step & -self._step).bit_length() - 1, _OCTAVES - 1)
        self._parts[octave] = self._rng.gauss(0, self._each)
        return sum(self._parts)

    def pace(self) -> float:
        """Return the next value as a factor around 1."""
        return math.exp(self.next())


@dataclass(frozen=True)
class Hand:
    """A person's speed at the game. Times in seconds; spreads are standard deviations of logarithms."""

    reaction: float  # from the countdown's end to the press
    reaction_spread: float
    pause: float  # from the answer to the next start
    pause_spread: float
    drift: float  # moods within a session
    tempo: float  # and between sessions
    fatigue: float  # slower by this share in an hour
    hesitation: float  # the chance of looking at something for seconds
    lapse: float  # the chance of a break of minutes
    error: float  # the chance that an action is started and abandoned
    ahead: float = 0.0  # the share of presses that aim at the countdown's end
    tastes: tuple[tuple[str, float], ...] = tuple((name, 1.0) for name in BY_HAND)
    loyalty: float = 0.97  # the chance that the next action is of the same type


def tastes(rng: random.Random, actions: Sequence[str] = BY_HAND) -> tuple[tuple[str, float], ...]:
    """Draw the part of each action type in a person's play; many play mostly one or two."""
    return tuple((name, rng.gammavariate(0.6, 1.0) + 1e-3) for name in actions)


def hand(rng: random.Random, speed: float = 1.0, care: float = 1.0) -> Hand:
    """Draw a person; `speed` above 1 is quicker than most, `care` below 1 steadier than most."""
    games = [*BY_HAND, *(("song",) if rng.random() < 0.1 else ()), *(("quiz-round",) if rng.random() < 0.1 else ())]
    return Hand(
        reaction=max(0.16, lognormal(rng, 0.36, 0.35) / speed),
        reaction_spread=care * rng.uniform(0.1, 0.45),
        pause=max(0.17, lognormal(rng, 1.3, 0.6) / speed),
        pause_spread=care * rng.uniform(0.15, 0.7),
        drift=care * rng.uniform(0.04, 0.3),
        tempo=care * rng.uniform(0.03, 0.25),
        fatigue=rng.choice((0.0, rng.uniform(0, 0.3))),
        hesitation=care * rng.uniform(0.005, 0.06),
        lapse=care * lognormal(rng, 0.003, 0.7),
        error=rng.uniform(0, 0.03),
        ahead=rng.choice((0.0, 0.0, 0.0, rng.uniform(0.1, 0.9))),
        tastes=tastes(rng, games),
        loyalty=rng.uniform(0.8, 0.995),
    )


@dataclass
class Session:
    """A person who plays from `now` on, until tired of it."""

    rng: random.Random
    person: Hand
    client: Client
    now: float

    def play(self, until: float) -> float:
        """Play until then; return the time of the last answer."""
        rng, person, began = self.rng, self.person, self.now
        drift, tempo = Drift(rng, person.drift), math.exp(rng.gauss(0, person.tempo))
        names, weights = zip(*person.tastes, strict=True)
        action = rng.choices(names, weights)[0]
        while self.now < until:
            if rng.random() > person.loyalty:
                action = rng.choices(names, weights)[0]
            pace = tempo * drift.pace() * (1 + person.fatigue * (self.now - began) / 3600)
            if rng.random() < person.error:
                self.now += rng.uniform(0.5, 6)  # started, and given up
            else:
                self.now = self.client.act(action, self.now, self._reaction(action, pace))
            self.now += self._pause(action, pace)
        return self.now

    def _reaction(self, action: str, pace: float) -> float:
        rng, person = self.rng, self.person
        if ACTIONS[action].limits.cadence == "client":
            return rng.choice(_SONGS) - 15.0 if action == "song" else 0.02
        if person.ahead and rng.random() < person.ahead:
            return max(0.0, rng.gauss(0.03, 0.03))
        return max(0.12, pace * person.reaction * math.exp(rng.gauss(0, person.reaction_spread)))

    def _pause(self, action: str, pace: float) -> float:
        rng, person = self.rng, self.person
        pause = max(0.1, pace * person.pause * math.exp(rng.gauss(0, person.pause_spread)))
        if ACTIONS[action].limits.cadence == "client":
            pause = rng.choice((1.0, 1.0, pause))  # the next one starts by itself
        if rng.random() < person.hesitation:
            pause += lognormal(rng, 3.5, 0.9)
        if rng.random() < person.lapse:
            pause += rng.uniform(60, 1500)
        return pause
