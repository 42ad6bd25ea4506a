"""Links between the accounts of a simulated population, looked for once a day."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from anticheat.links import LEAST_STRENGTH, Account, ActionTimes, Sighting, linked_groups
from bench.fairness.population import ACTION_NAMES, Player
from bench.fairness.world import ALL_ACTIONS, DAY, MIDNIGHT, WEEK

EVERY: Final = DAY


def links(players: Sequence[Player]) -> Mapping[str, tuple[float, float]]:
    """Return, by name, the time of the first link that makes a case, and the highest level of any."""
    views: dict[str, tuple[float, float]] = {}
    for number in range(1, round(WEEK / EVERY) + 1):
        until = MIDNIGHT + number * EVERY
        for group in linked_groups([_account(player, until) for player in players]):
            for name in group.accounts:
                level = max(1.0, group.strongest_of(name).strength / LEAST_STRENGTH)
                first, highest = views.get(name, (until, 0.0))
                views[name] = (first, max(highest, level))
    return views


def _account(player: Player, until: float) -> Account:
    is_past = player.completed_at < until
    codes, times = player.codes[is_past], player.completed_at[is_past]
    plays = {
        ACTION_NAMES[code]: ActionTimes(np.sort(times[codes == code]), ALL_ACTIONS[ACTION_NAMES[code]].limits.cadence)
        for code in np.unique(codes)
    }
    days = np.unique(times // DAY).astype(int).tolist()
    sightings = [Sighting(day, _hash(player.network), _hash(player.device)) for day in days]
    return Account(player.name, plays, player.registered_at, sightings)


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:8]
