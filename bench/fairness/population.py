"""The players of a population, drawn from their kinds, as arrays."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from anticheat.history import Completion
from bench.fairness.world import ALL_ACTIONS, Account, Kind

Times = npt.NDArray[np.float64]

ACTION_NAMES: Final = tuple(ALL_ACTIONS)
_POINTS: Final = np.array([float(action.points) for action in ALL_ACTIONS.values()])
_CODES: Final = {name: code for code, name in enumerate(ACTION_NAMES)}


@dataclass(frozen=True)
class Player:
    """An account that has played: its kind, its name, the operation it belongs to, and its plays in order."""

    kind: str
    is_honest: bool
    is_unusual: bool
    is_naive: bool
    name: str
    operation: str
    codes: npt.NDArray[np.int8]
    issued_at: Times
    completed_at: Times
    network: str
    device: str
    registered_at: float

    @property
    def actions(self) -> list[str]:
        """Return the action type of each play."""
        return [ACTION_NAMES[code] for code in self.codes.tolist()]

    @property
    def points(self) -> Times:
        """Return the points of each play, if it scores."""
        return _POINTS[self.codes]

    def completions(self) -> Iterator[Completion]:
        """Yield the plays."""
        yield from map(Completion, self.actions, self.issued_at.tolist(), self.completed_at.tolist())


@dataclass(frozen=True)
class Sizes:
    """Accounts: all of the mainstream, and at least so many of each unusual and of each cheating kind."""

    mainstream: int
    unusual: int
    cheats: int

    def of(self, kind: Kind) -> int:
        """Return the least number of accounts of a kind."""
        if not kind.is_honest:
            return self.cheats
        return self.unusual if kind.is_unusual else max(1, round(self.mainstream * kind.share))


def population(kinds: Sequence[Kind], seed: str, sizes: Sizes) -> list[Player]:
    """Draw the players; each operation has random numbers of its own, by seed, kind and number."""
    return [player for kind in kinds for player in _of_kind(kind, seed, sizes.of(kind))]


def _of_kind(kind: Kind, seed: str, least: int) -> Iterator[Player]:
    number = count = 0
    while count < least:
        players = _operation(kind, seed, number)
        yield from players
        number, count = number + 1, count + max(1, len(players))


def _operation(kind: Kind, seed: str, number: int) -> list[Player]:
    operation = f"{seed}/{kind.name}/{number}"
    accounts = kind.accounts(random.Random(operation))
    return [_player(kind, operation, index, account) for index, account in enumerate(accounts) if account.plays]


def _player(kind: Kind, operation: str, index: int, account: Account) -> Player:
    plays = account.plays
    return Player(
        kind.name,
        kind.is_honest,
        kind.is_unusual,
        kind.is_naive,
        f"{operation}/{index}",
        operation,
        np.array([_CODES[play.action_type] for play in plays], dtype=np.int8),
        np.array([play.issued_at for play in plays]),
        np.array([play.completed_at for play in plays]),
        account.network,
        account.device,
        account.registered_at,
    )
