"""The cost of the further boards that an action feeds."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from statistics import median

import psycopg

from bench import players, redeems
from bench.players import BenchPlayer, Redemption
from devstack.stack import Stack

_CONNECTIONS = 16
_SCORINGS = ("best", "last", "count", "sum")
_TYPE = "tap-for-all"
_FILE = "".join(f"[boards.{scoring}]\nscoring = '{scoring}'\n" for scoring in _SCORINGS) + (
    f"[action_types.{_TYPE}]\nname = 'Tap for all'\npoints = 1\nmin_seconds = 0\nboards = {['main', *_SCORINGS]}\n"
)
MOST = 1 + len(_SCORINGS)
_KNOWN_SECONDS = 2.0  # longer than a process keeps the action types in memory


@dataclass(frozen=True, slots=True)
class Boards:
    """Redemptions that feed one board, and `count` boards, in turns: CPU milliseconds of each turn, and its size."""

    count: int
    turn: int
    one_ms: list[float]
    most_ms: list[float]

    @property
    def further_ms(self) -> float:
        """Return the CPU of each further board per redemption, in milliseconds over all processes: the median turn's.

        Turns are compared in pairs, since a machine is faster at some times than at others.
        """
        return median(self.turns) * median(self.one_ms)

    @property
    def turns(self) -> list[float]:
        """Return the cost of each further board as a share of a redemption's on one, in each pair of turns."""
        pairs = zip(self.one_ms, self.most_ms, strict=True)
        return [(most - one) / (self.count - 1) / one for one, most in pairs]


def measure(stack: Stack, people: list[BenchPlayer], turns: int) -> Boards:
    """Redeem on `main` alone and on further boards in turns, one action of every player each.

    A turn of each comes before those that count, and PostgreSQL then takes statistics, as it has them anywhere after a
    minute. `redeemed` says how many redemptions that makes.
    """
    _add_boards(stack)
    for_one = players.issue(stack.url, people, turns + 1, seed=2)
    for_most = players.issue(stack.url, people, turns + 1, seed=3, action_type=_TYPE)
    turn = len(people)
    one_ms, most_ms = [], []
    for start in range(0, len(for_one), turn):
        one_ms.append(_cost(stack, for_one[start : start + turn]))
        most_ms.append(_cost(stack, for_most[start : start + turn]))
        if start == 0:
            with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
                connection.execute("ANALYZE")
    return Boards(MOST, turn, one_ms[1:], most_ms[1:])


def redeemed(people: list[BenchPlayer], turns: int) -> int:
    """Return the redemptions that `measure` makes."""
    return 2 * (turns + 1) * len(people)


def _cost(stack: Stack, actions: list[Redemption]) -> float:
    return redeems.measure(stack, actions, _CONNECTIONS, None).total_ms


def _add_boards(stack: Stack) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(_FILE)
        file.flush()
        stack.flask("boards", "apply", file.name)
    time.sleep(_KNOWN_SECONDS)
