"""One hand behind several accounts: they take turns, never overlap, and have one rhythm. Needs numpy.

Accounts are only compared where they share a trait: a network, a kind of client, a time of registration. A trait is no
evidence itself. It says among how many accounts the two were found (the pool): the commoner it is, the stronger the
evidence of behaviour has to be. Two independent kinds of it multiply:

- turns: how often they would have overlapped by chance, from the same plays shifted by minutes to hours, and did not;
- rhythm: how alike their intervals are, as the halves of one account are and two accounts of the population are not.

An account that was handed over counts from the day on which it was first seen on the other's network; that its rhythm
changed on that day is evidence as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb, log10

import numpy as np

from anticheat.link_data import LEAST_STRENGTH, MOST_STRENGTH, Account, ActionTimes, Link, Vector, log_ratio
from anticheat.traits import MOST_POOL, Trait, traits_of

BASELINE_ACCOUNTS = 100
"""So many accounts, taken evenly, show how alike two people of this population are."""

_LONGEST_INTERVAL = 60.0
_LEAST_INTERVALS = 60
_SESSION_GAP = 180.0
_SHIFTS = np.array([-173.0, -101.0, -71.0, -47.0, -29.0, -13.0, 13.0, 29.0, 47.0, 71.0, 101.0, 173.0]) * 60
_SLACK = 2.0  # seconds by which two turns of one hand may seem to overlap
_OWN_OVERLAP = 0.01  # of one hand's turns
_MOST_TURNS = 3.0  # decades: people who share one machine take turns too
_LEAST_RHYTHM = 1.0  # decades without which nothing says that it is one hand
_PRIOR = 1.5  # decades by which accounts with a common trait are two people's rather than one's
_STEPS = np.geomspace(0.05, _LONGEST_INTERVAL, 300)  # seconds, at which distributions are compared
_SMALL_SERVER = (np.linspace(0.03, 0.3, 20), np.linspace(0.08, 0.8, 20))
"""Distances of one hand and of two that stand in for a population that is too small to know them."""


_Rhythm = dict[str, tuple[Vector, int]]  # by action type: the distribution of the intervals, and their number


@dataclass(frozen=True, slots=True)
class Baseline:
    """Sorted distances between the halves of one account's play, and between the plays of two accounts."""

    one_hand: Vector
    two_hands: Vector

    def decades(self, distance: float) -> float:
        """Return how much likelier one hand makes this distance than two hands do, as decades."""
        one = 1 + len(self.one_hand) - np.searchsorted(self.one_hand, distance, "left")
        two = 1 + np.searchsorted(self.two_hands, distance, "right")
        return float(log10(one / (1 + len(self.one_hand))) - log10(two / (1 + len(self.two_hands))))


def baseline_of(accounts: Sequence[Account]) -> Baseline:
    """Return how alike the play of one person and of two people is, from a part of the accounts."""
    playing = [account for account in accounts if _intervals(account)]
    sample = [_intervals(account) for account in playing[:: 1 + len(playing) // BASELINE_ACCOUNTS]]
    own, rhythms = [_own_distance(intervals_of) for intervals_of in sample], [_rhythm(part) for part in sample]
    others = [_distance(first, second) for first, second in combinations(rhythms, 2)]
    return Baseline(_sorted([*own, *_SMALL_SERVER[0]]), _sorted([*others, *_SMALL_SERVER[1]]))


def one_hand_links(
    accounts: Sequence[Account], baseline: Baseline | None = None, traits: Iterable[Trait] | None = None
) -> list[Link]:
    """Return the links between accounts that one hand seems to play, or one that was handed over to another's.

    Without a `baseline` or `traits` they are taken from the accounts themselves.
    """
    by_id = {account.id: account for account in accounts}
    pools: dict[tuple[str, str], Trait] = {}
    for trait in traits_of(accounts) if traits is None else traits:
        if 2 <= len(trait.members) <= MOST_POOL:
            for pair in combinations(sorted(by_id.keys() & set(trait.members)), 2):
                if pair not in pools or len(trait.members) < len(pools[pair].members):
                    pools[pair] = trait
    if not pools:
        return []
    comparison = _Comparison(by_id, baseline or baseline_of(accounts))
    likenesses = {pair: comparison.likeness(*pair, trait) for pair, trait in pools.items()}
    alike = {pair: likeness for pair, likeness in likenesses.items() if likeness is not None}
    strengths = {pair: likeness.strength for pair, likeness in alike.items()}
    for three in {
        tuple(sorted({*pair, third})) for pair, trait in pools.items() if pair in alike for third in trait.members
    }:
        pairs = list(combinations(three, 2))
        if len(three) == 3 and all(pair in alike for pair in pairs):
            together = _strength_of_three([alike[pair] for pair in pairs])
            strengths.update({pair: max(strengths[pair], together) for pair in pairs})
    return [alike[pair].link(*pair, strength) for pair, strength in strengths.items() if strength >= LEAST_STRENGTH]


@dataclass(frozen=True, slots=True)
class _Likeness:
    """Two accounts with a common trait and a similar rhythm: decades for one hand, and the facts that show it."""

    trait: Trait
    turns: _Turns
    distance: float
    rhythm: float
    change: float
    two_hands: float

    @property
    def strength(self) -> float:
        return self.turns.decades + self.rhythm + self.change - _PRIOR - log10(comb(len(self.trait.members), 2))

    def link(self, first: str, second: str, strength: float) -> Link:
        turns = self.turns
        seen = f"took turns with {{other}}, {turns.overlaps} of {turns.count} turns overlapped; the rhythm differs by "
        seen += f"{self.distance:.0%}; {self.trait.words} ({len(self.trait.members)} accounts)"
        seen += "; the rhythm changed when that began" if self.change else ""
        expected = (
            f"about {turns.chance * turns.count:.0f} overlaps by chance; two people differ by {self.two_hands:.0%}"
        )
        return Link(first, second, "one hand", min(strength, MOST_STRENGTH), seen, expected)


def _strength_of_three(pairs: Sequence[_Likeness]) -> float:
    """Return the decades for one hand behind three accounts: three people are rarely all alike.

    The third distance follows from two of them; people who share one machine would explain all turns at once.
    """
    turns, rhythms = min(pair.turns.decades for pair in pairs), sorted(pair.rhythm for pair in pairs)
    pool = max(len(pair.trait.members) for pair in pairs)
    return turns + sum(rhythms[:2]) - _PRIOR - log10(comb(pool, 3))


class _Comparison:
    """Compares accounts two by two; each account's rhythm since a time is measured once."""

    def __init__(self, accounts: Mapping[str, Account], usual: Baseline) -> None:
        self._accounts, self._usual = accounts, usual
        self._rhythms: dict[tuple[str, float], _Rhythm] = {}
        self._two_hands = float(np.median(usual.two_hands))

    def likeness(self, first: str, second: str, trait: Trait) -> _Likeness | None:
        """Return how alike two accounts are since they have the trait; `None` if the rhythm says that they are not."""
        distance = _distance(self._rhythm(first, trait), self._rhythm(second, trait))
        rhythm = self._usual.decades(distance)
        if rhythm < _LEAST_RHYTHM:
            return None
        parts = [_since(self._accounts[account], trait.since.get(account, 0.0)) for account in (first, second)]
        change = max(self._change(account, trait) for account in (first, second))
        return _Likeness(trait, _Turns.of(*parts), distance, rhythm, change, self._two_hands)

    def _rhythm(self, account: str, trait: Trait) -> _Rhythm:
        key = account, trait.since.get(account, 0.0)
        if key not in self._rhythms:
            self._rhythms[key] = _rhythm(_intervals(_since(self._accounts[account], key[1])))
        return self._rhythms[key]

    def _change(self, account: str, trait: Trait) -> float:
        """Return the decades by which another hand plays the account since it has the trait; 0 if it always had it."""
        since = trait.since.get(account, 0.0)
        before = _rhythm(_intervals(_since(self._accounts[account], 0.0, since))) if since else {}
        decades = -self._usual.decades(_distance(before, self._rhythm(account, trait))) if before else 0.0
        return decades if decades >= _LEAST_RHYTHM else 0.0


def _since(account: Account, since: float, until: float = np.inf) -> Account:
    if not since and until == np.inf:
        return account
    plays = {
        name: ActionTimes(plays.times[(plays.times >= since) & (plays.times < until)], plays.cadence)
        for name, plays in account.plays.items()
    }
    return replace(account, plays=plays)


@dataclass(frozen=True, slots=True)
class _Turns:
    """The turns of the account with fewer of them: how many overlapped the other's, and the share by chance."""

    count: int
    overlaps: int
    chance: float

    @property
    def decades(self) -> float:
        return min(_MOST_TURNS, log_ratio(self.overlaps, self.count, _OWN_OVERLAP, self.chance))

    @classmethod
    def of(cls, first: Account, second: Account) -> _Turns:
        """Compare the turns of two accounts with those of the same accounts shifted in time."""
        fewer, more = sorted((_turns(first), _turns(second)), key=lambda turns: turns.shape[1])
        count = fewer.shape[1]
        overlaps = _overlaps(fewer, more)
        by_chance = sum(_overlaps(fewer + shift, more) for shift in _SHIFTS)
        return cls(count, overlaps, (1 + by_chance) / (2 + count * len(_SHIFTS)))


def _turns(account: Account) -> Vector:
    """Return the begins and ends of the account's turns: plays without a break of three minutes."""
    times = np.sort(np.concatenate([np.zeros(0), *(plays.times for plays in account.plays.values())]))
    cuts = np.flatnonzero(np.diff(times) > _SESSION_GAP) + 1
    edges = np.concatenate([[0], cuts, [len(times)]]).astype(np.int64)
    return np.vstack([times[edges[:-1]], times[edges[1:] - 1]]) if len(times) else np.zeros((2, 0))


def _overlaps(turns: Vector, others: Vector) -> int:
    """Return how many of the turns overlap one of the others."""
    begun = np.searchsorted(others[0], turns[1] - _SLACK)  # others that begin before the turn's end
    ended = np.searchsorted(others[1], turns[0] + _SLACK)  # others that end before its begin
    return int((begun > ended).sum())


def _intervals(account: Account) -> dict[str, Vector]:
    """Return the intervals of up to a minute by action type, in the order of play, where there are enough."""
    intervals_of = {}
    for name, plays in account.plays.items():
        intervals = np.diff(plays.times)
        intervals = intervals[(intervals > 0) & (intervals <= _LONGEST_INTERVAL)]
        if plays.cadence == "player" and len(intervals) >= _LEAST_INTERVALS:
            intervals_of[name] = intervals
    return intervals_of


def _rhythm(intervals_of: Mapping[str, Vector]) -> _Rhythm:
    """Return the distribution of the intervals of each action type."""
    return {
        name: (np.searchsorted(np.sort(intervals), _STEPS, "right") / len(intervals), len(intervals))
        for name, intervals in intervals_of.items()
    }


def _own_distance(intervals_of: Mapping[str, Vector]) -> float:
    """Return the distance between the first and the second half of a person's play."""
    halves = {name: np.array_split(intervals, 2) for name, intervals in intervals_of.items()}
    first, second = (_rhythm({name: parts[half] for name, parts in halves.items()}) for half in (0, 1))
    return _distance(first, second)


def _distance(first: _Rhythm, second: _Rhythm) -> float:
    """Return how far the intervals differ, from 0 to 1: Kolmogorov's distance; without a common action type 1."""
    names = first.keys() & second.keys()
    total = sum(min(first[name][1], second[name][1]) for name in names)
    return (
        sum(
            min(first[name][1], second[name][1]) / total * float(np.abs(first[name][0] - second[name][0]).max())
            for name in names
        )
        if names
        else 1.0
    )


def _sorted(values: Iterable[float]) -> Vector:
    return np.sort(np.array(list(values), dtype=np.float64))
