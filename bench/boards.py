"""The cost of the further boards that an action feeds."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass

from bench import redeems
from bench.load import Request
from bench.players import ACTION_TYPE
from bench.redeems import Redeems
from devstack.stack import Stack

_CONNECTIONS = 16
_SCORINGS = ("best", "last", "count", "sum")
_FILE = "".join(f"[boards.{scoring}]\nscoring = '{scoring}'\n" for scoring in _SCORINGS) + (
    f"[action_types.{ACTION_TYPE}]\nboards = {['main', *_SCORINGS]}\n"
)
MOST = 1 + len(_SCORINGS)
_KNOWN_SECONDS = 2.0  # longer than a process keeps the action types in memory


@dataclass(frozen=True, slots=True)
class Boards:
    """The redemptions that feed one board, and those that feed `count` boards."""

    one: Redeems
    most: Redeems
    count: int

    @property
    def further_ms(self) -> float:
        """Return the CPU of each further board per redemption, in milliseconds over all processes."""
        return (self.most.total_ms - self.one.total_ms) / (self.count - 1)


def measure(stack: Stack, for_one: list[Request], for_most: list[Request]) -> Boards:
    """Redeem on `main` alone, then on further boards too, which are filled from the past before."""
    one = redeems.measure(stack, for_one, _CONNECTIONS, None)
    _add_boards(stack)
    return Boards(one, redeems.measure(stack, for_most, _CONNECTIONS, None), MOST)


def _add_boards(stack: Stack) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(_FILE)
        file.flush()
        stack.flask("boards", "apply", file.name, "--rebuild")
    time.sleep(_KNOWN_SECONDS)
