"""The cost of the further boards that an action feeds."""

from __future__ import annotations

import time
from dataclasses import dataclass

from app.containers.container import Container
from app.services.boards.plan_writer import Operator
from app.settings import Settings
from bench import redeems
from bench.load import Request
from bench.players import ACTION_TYPE
from bench.redeems import Redeems
from devstack.stack import Stack

MOST = 5
_CONNECTIONS = 16
_FURTHER = {"best": {"scoring": "best"}, "last": {"scoring": "last"}, "count": {"scoring": "count"}, "sum": {}}
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
    return Boards(one, redeems.measure(stack, for_most, _CONNECTIONS, None), 1 + len(_FURTHER))


def _add_boards(stack: Stack) -> None:
    container = Container(Settings.from_env(stack.env))
    try:
        plan = container.board_plans.plan(_FURTHER, {ACTION_TYPE: {"boards": ["main", *_FURTHER]}})
        replay_id = container.board_plans.begin_replay(plan, by=Operator("cli:bench", "bench"))
        container.replays.work(replay_id)
    finally:
        container.close()
    time.sleep(_KNOWN_SECONDS)
