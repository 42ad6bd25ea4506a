"""The data by which accounts are compared, and the links between them. Needs numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anticheat.rules import Cadence

Vector = npt.NDArray[np.float64]

DAY = 86_400.0
LEAST_STRENGTH = 4.0
"""Decades of likelihood from which on two accounts are linked: chance explains one pair of accounts in 10,000."""

MOST_STRENGTH = 15.0
"""No link is stronger. A kind of evidence that was cleared twice counts a quarter, which is less than a link needs."""


@dataclass(frozen=True, slots=True)
class ActionTimes:
    """One account's completions of an action type: Unix seconds, the oldest first."""

    times: Vector
    cadence: Cadence = "player"


@dataclass(frozen=True, slots=True)
class Sighting:
    """An account was seen on this UTC day (days since 1970) on a network, with a kind of client; both are hashes.

    Only hashes of the same `key` can be compared.
    """

    day: int
    network: bytes
    device: bytes = b""
    key: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its plays by action type, the time of its registration, and where it was seen."""

    id: str
    plays: Mapping[str, ActionTimes]
    registered_at: float = 0.0
    sightings: Sequence[Sighting] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """Evidence that two accounts belong together.

    `strength`: decades of likelihood, less those that chance explains among so many accounts. `seen` and `expected` are
    words for a person, `{other}` stands for the name of the other account.
    """

    first: str
    second: str
    kind: str
    strength: float
    seen: str
    expected: str

    def other(self, account: str) -> str:
        """Return the account at the other end."""
        return self.second if account == self.first else self.first


def log_ratio(hits: float, total: float, share: float, chance: float) -> float:
    """Return the decades by which `share` explains that many hits of a total better than `chance` does."""
    share, chance = (min(max(part, 1e-6), 1 - 1e-6) for part in (share, chance))
    return float(hits * np.log10(share / chance) + (total - hits) * np.log10((1 - share) / (1 - chance)))
