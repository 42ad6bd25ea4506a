"""Accounts in step: the same sequence of intervals between actions, at any lag. Needs numpy.

Two people at the same game make similar intervals, but not the same ones in the same order. Two steps show it:

1. Runs of intervals that are too rare to meet by chance in this population give pairs of accounts and lags.
2. At such a lag the two accounts are laid over each other. Most intervals that then coincide are equal if one script
   makes both, whatever their rhythm; at other lags of the same two accounts they are as equal as chance makes them.

An action type at which more than half of many accounts are in step has a client that sets the pace, and says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anticheat.link_data import LEAST_STRENGTH, MOST_STRENGTH, Account, Link, Vector, log_ratio

Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_GRAIN = 0.1  # seconds: the unit of intervals in runs, and how far equal intervals may differ
_LONGEST_INTERVAL = 60.0
_SHORTEST_RUN, _LONGEST_RUN = 6, 60  # intervals
_SPARE_DECADES = 1.0  # a run is rarer than one in all runs of the population by this much
_LAG_GRAIN = 2.0  # seconds
_NEAR_COMPLETIONS = 16  # within twice the grain
_REACH = 0.5  # seconds: completions that are so close to each other coincide
_CONTROL_LAGS = np.array([-97.3, -53.9, -31.7, -17.1, 19.3, 29.9, 61.3, 89.7])
_LEAST_INTERVALS = 30
_LEAST_EXCESS = 0.3  # of the intervals that coincide: people who listen to one signal are not that equal
_MOST_PAIRS = 20_000
_MOST_LAGS = 8  # of one pair: a script that starts again has a new lag
_PART_RUNS = 1_000_000  # runs that are sorted together
_MANY = 20  # accounts: with fewer, half of them may well belong to one owner

_BASE = np.uint64(6364136223846793005)
_BASE_INVERSE = np.uint64(pow(6364136223846793005, -1, 2**64))


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs of intervals: a number that is equal for equal runs, the account's index, and the time of the beginning."""

    values: Hashes
    owners: Integers
    begins: Vector


@dataclass(slots=True)
class _Overlay:
    """Two accounts laid over each other at a lag: intervals that coincide, those that are equal, the chance of that."""

    lag: float
    coinciding: int
    equal: int
    chance: float

    @property
    def decades(self) -> float:
        share = self.equal / max(self.coinciding, 1)
        if self.coinciding < _LEAST_INTERVALS or share < self.chance + _LEAST_EXCESS:
            return 0.0
        return log_ratio(self.equal, self.coinciding, share, self.chance)


def in_step_links(accounts: Sequence[Account]) -> list[Link]:
    """Return the links between accounts that are in step at an action type whose pace the player sets."""
    links: list[Link] = []
    types = {name for account in accounts for name, plays in account.plays.items() if plays.cadence == "player"}
    for name in sorted(types):
        players = [account for account in accounts if name in account.plays]
        type_links = _type_links(players, [account.plays[name].times for account in players])
        linked_accounts = {account for link in type_links for account in (link.first, link.second)}
        if len(players) < _MANY or len(linked_accounts) <= len(players) / 2:
            links += type_links
    return links


def _type_links(players: Sequence[Account], times: Sequence[Vector]) -> list[Link]:
    runs, rarity = _runs(times)
    links = []
    for (first, second), lags in _candidates(runs).items():
        overlays = [_lay_over(times[first], times[second], lag) for lag in lags]
        by_lag = {round(overlay.lag): overlay for overlay in overlays}  # two neighbouring bins may have one lag
        strength = sum(max(0.0, overlay.decades - 2 * rarity) for overlay in by_lag.values())
        if strength >= LEAST_STRENGTH:
            strongest = max(overlays, key=lambda overlay: overlay.decades)
            links += [_link(players[first].id, players[second].id, strength, strongest)]
    return links


def _runs(times: Sequence[Vector]) -> tuple[_Runs, float]:
    """Return the runs of all accounts, and their rarity: decades by which each is rarer than any sequence."""
    lengths = np.array([len(part) for part in times], dtype=np.int64)
    joined, owners = np.concatenate([*times, np.zeros(0)]), np.repeat(np.arange(len(times)), lengths)
    intervals = np.diff(joined)
    usable = (np.diff(owners) == 0) & (intervals > 0) & (intervals <= _LONGEST_INTERVAL)
    ticks = np.where(usable, intervals / _GRAIN, 0.0).astype(np.int64)
    rarity = float(np.log10(max(int(usable.sum()), 1))) + _SPARE_DECADES
    shares = np.bincount(ticks[usable], minlength=1) / max(int(usable.sum()), 1)
    surprise = np.where(usable, -np.log10(np.maximum(shares[np.minimum(ticks, len(shares) - 1)], 1e-12)), 0.0)
    total = np.concatenate([[0.0], np.cumsum(surprise)])
    begins = np.flatnonzero(usable)
    ends = np.maximum(np.searchsorted(total, total[begins] + rarity), begins + _SHORTEST_RUN)
    breaks = np.concatenate([np.flatnonzero(~usable), [len(usable)]])
    whole = (ends <= breaks[np.searchsorted(breaks, begins)]) & (ends <= begins + _LONGEST_RUN)
    begins, ends = begins[whole], ends[whole]
    return _Runs(_hashes(ticks, begins, ends), owners[begins], joined[begins]), rarity


def _hashes(ticks: Integers, begins: Integers, ends: Integers) -> Hashes:
    """Return one number for each run: a polynomial of its ticks, from sums that all runs share."""
    table = np.random.default_rng(1).integers(0, 2**64, int(_LONGEST_INTERVAL / _GRAIN) + 2, dtype=np.uint64)
    powers = _powers(_BASE, len(ticks))
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(table[ticks] * powers, dtype=np.uint64)])
    inverse: Hashes = _powers(_BASE_INVERSE, len(ticks))[begins]
    hashes: Hashes = (sums[ends] - sums[begins]) * inverse
    return hashes


def _powers(base: np.uint64, count: int) -> Hashes:
    factors = np.full(max(count, 1), base, dtype=np.uint64)
    factors[0] = 1
    powers: Hashes = np.cumprod(factors, dtype=np.uint64)[:count]
    return powers


def _candidates(runs: _Runs) -> dict[tuple[int, int], list[float]]:
    """Return the pairs of accounts with at least two separate equal runs at one lag, and their lags."""
    meetings = np.concatenate([np.zeros((0, 4)), *_meetings(runs)])
    bins = np.round(meetings[:, 2] / _LAG_GRAIN)
    keys = np.column_stack([meetings[:, 0], meetings[:, 1], bins])
    blocks = np.unique(np.column_stack([keys, meetings[:, 3]]), axis=0)
    lags, counts = np.unique(blocks[:, :3], axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    pairs: dict[tuple[int, int], list[float]] = {}
    for first, second, lag_bin in lags[order[counts[order] > 1][:_MOST_PAIRS]]:
        at_lag = pairs.setdefault((int(first), int(second)), [])
        if len(at_lag) < _MOST_LAGS:
            at_lag.append(lag_bin * _LAG_GRAIN)
    return pairs


def _meetings(runs: _Runs) -> Iterator[Vector]:
    """Yield equal runs of two accounts: the accounts' indexes, the lag, and a number for runs that overlap.

    Equal runs meet in the same part. Of many accounts with one run, each meets the next.
    """
    parts = np.uint64(1 + len(runs.values) // _PART_RUNS)
    for part in range(int(parts)):
        inside = np.flatnonzero(runs.values % parts == part)
        order = inside[np.lexsort((runs.begins[inside], runs.owners[inside], runs.values[inside]))]
        values, owners, begins = runs.values[order], runs.owners[order], runs.begins[order]
        is_first = np.ones(len(order), dtype=bool)
        is_first[1:] = (values[1:] != values[:-1]) | (owners[1:] != owners[:-1])
        values, owners, begins = values[is_first], owners[is_first], begins[is_first]
        meets = np.flatnonzero(values[1:] == values[:-1])
        blocks = begins[meets] // _LONGEST_INTERVAL
        yield np.column_stack([owners[meets], owners[meets + 1], begins[meets + 1] - begins[meets], blocks])


def _lay_over(first: Vector, second: Vector, lag_bin: float) -> _Overlay:
    """Lay two accounts over each other at the lag near `lag_bin`; chance is what other lags make equal."""
    lag = _exact_lag(first, second, lag_bin)
    coinciding, equal = _coincidences(first, second, lag)
    controls = [_coincidences(first, second, lag + shift) for shift in _CONTROL_LAGS]
    chance = (1 + sum(control[1] for control in controls)) / (2 + sum(control[0] for control in controls))
    return _Overlay(lag, coinciding, equal, chance)


def _exact_lag(first: Vector, second: Vector, lag_bin: float) -> float:
    """Return the lag within the bin at which most completions coincide."""
    begin = np.searchsorted(second, first + lag_bin - _LAG_GRAIN)
    steps = (second[np.minimum(begin + step, len(second) - 1)] - first - lag_bin for step in range(_NEAR_COMPLETIONS))
    close = np.concatenate(list(steps))
    counts, edges = np.histogram(close, bins=int(4 * _LAG_GRAIN / _REACH), range=(-_LAG_GRAIN, _LAG_GRAIN))
    best = int(np.argmax(counts))
    inside = close[(close >= edges[best]) & (close <= edges[best + 1])]
    return lag_bin + (float(np.median(inside)) if len(inside) else 0.0)


def _coincidences(first: Vector, second: Vector, lag: float) -> tuple[int, int]:
    """Return how many intervals of both coincide at this lag, and how many of these are equal."""
    shifted = first + lag
    after = np.clip(np.searchsorted(second, shifted), 1, len(second) - 1)
    nearest = np.where(shifted - second[after - 1] < second[after] - shifted, after - 1, after)
    coincides = np.abs(second[nearest] - shifted) <= _REACH
    intervals, others = np.diff(first), second[nearest[1:]] - second[nearest[:-1]]
    both = coincides[1:] & coincides[:-1] & (np.diff(nearest) == 1) & (intervals <= _LONGEST_INTERVAL)
    return int(both.sum()), int((both & (np.abs(intervals - others) <= _GRAIN)).sum())


def _link(first: str, second: str, strength: float, overlay: _Overlay) -> Link:
    lag = abs(overlay.lag)
    when = "at the same time" if lag < _REACH else f"{_duration(lag)} apart"
    return Link(
        first,
        second,
        "in step",
        min(strength, MOST_STRENGTH),
        f"{overlay.equal:,} of {overlay.coinciding:,} intervals between actions equal those of {{other}} to a tenth of "
        f"a second, in the same order, {when}",
        f"about {overlay.chance * overlay.coinciding:,.0f} equal by chance",
    )


def _duration(seconds: float) -> str:
    """Return a length of time in words."""
    for size, unit in ((86_400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
