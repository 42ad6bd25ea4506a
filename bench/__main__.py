"""`python -m bench`: measure the product on this machine beside its floors, and write docs/performance.md."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import boards, history, machine, players, pushes, reads, redeems
from bench.chart import draw
from bench.load import BenchFailed
from bench.pgbench import PgBench
from bench.players import BenchPlayer, Redemption
from bench.report import Figures, markdown
from bench.sections import carry_over
from bench.stage import another_web, stage
from devstack import surroundings
from devstack.apps import Web
from devstack.child import ROOT, CannotStart
from devstack.stack import Stack

_PAGE = ROOT / "docs" / "performance.md"
_NOTES = Path(__file__).with_name("notes.md")
_PICTURE = ROOT / "docs" / "images" / "bench.svg"
_TURNS = 3  # of each number of connections, with a floor in each


@dataclass(frozen=True, slots=True)
class Plan:
    """The amounts of one run. `redeems`: connections -> redemptions, in turns; `subscribers`: subscribers -> rounds.

    `floor_seconds`: pgbench in each turn. `boards`: turns for each number of boards that they feed, of one redemption
    for each player.
    """

    players: int
    warm_up: int
    redeems: dict[int, int]
    floor_seconds: int
    subscribers: dict[int, int]
    idle: int
    reads: int
    turns: int
    boards: int

    @property
    def changes(self) -> int:
        """Return the redemptions that the push part needs: each of its rounds, and one to warm up."""
        return sum(rounds + 1 for rounds in self.subscribers.values())

    @property
    def actions_each(self) -> int:
        """Return the actions for each player, enough for all parts."""
        redemptions = self.warm_up + sum(self.redeems.values()) + self.changes
        return -(-redemptions // self.players)


# With this many players, each redeems less than a hand can: 12 in 3 s are ordinary, on the fastest machine too.
FULL = Plan(1000, 1000, {1: 2001, 16: 6000, 64: 6000}, 3, {1000: 28, 5000: 20}, 2000, 40_000, 4, 8)
QUICK = Plan(500, 500, {1: 300, 16: 1500, 64: 1500}, 1, {1000: 8, 5000: 4}, 500, 8000, 2, 3)


class Run:
    """One run on one stack, part after part."""

    def __init__(self, plan: Plan, stack: Stack, say: Callable[[str], None]) -> None:
        self._plan, self._stack, self._say = plan, stack, say
        self._redeemed_count = 0

    def everything(self) -> Figures:
        """Return the figures of all parts. Raises `BenchFailed` as soon as a part can't be trusted."""
        plan, stack = self._plan, self._stack
        self._say(f"Registering {plan.players:,} players")
        people = players.register(stack.url, plan.players)
        self._say(f"Issuing {plan.players * plan.actions_each:,} actions")
        actions = players.issue(stack.url, people, plan.actions_each)
        redeem_figures = self._measure_redeems(actions)
        push_figures, memory = self._measure_pushes(people, self._take(actions, plan.changes))
        self._say("Reading the top ten, and the bare route")
        read_figures = reads.measure(stack, plan.reads, plan.turns)
        self._say(f"Redeeming on one board, and on {boards.MOST}, in turns")
        board_figures = boards.measure(stack, people, plan.boards)
        self._redeemed_count += boards.redeemed(people, plan.boards)
        redeems.check(stack, self._redeemed_count)
        return Figures(
            machine.describe(stack), stack.broker, redeem_figures, push_figures, memory, read_figures, board_figures
        )

    def _measure_redeems(self, actions: list[Redemption]) -> list[redeems.Redeems]:
        plan, stack = self._plan, self._stack
        pgbench = PgBench(stack, plan.players)
        pgbench.prepare()
        self._say("Warming up")
        redeems.measure(stack, self._take(actions, plan.warm_up), 16, None)
        pgbench.run(16, 1)
        figures = []
        for connections, count in plan.redeems.items():
            self._say(f"Redeeming {count:,} at {connections} connections, and pgbench")
            floor = redeems.floors(pgbench, connections, plan.floor_seconds)
            turns = [
                redeems.measure(stack, self._take(actions, count // _TURNS), connections, floor) for _ in range(_TURNS)
            ]
            figures.append(redeems.sum_of(turns))
        redeems.check(stack, self._redeemed_count)
        return figures

    def _take(self, actions: list[Redemption], count: int) -> list[Redemption]:
        self._redeemed_count += count
        return actions[self._redeemed_count - count : self._redeemed_count]

    def _measure_pushes(
        self, people: list[BenchPlayer], changes: list[Redemption]
    ) -> tuple[list[pushes.Pushes], pushes.Memory]:
        plan = self._plan
        pushing = pushes.Pushing(self._stack, people, changes)
        with another_web(self._stack, Web) as web:
            self._say(f"Connecting {plan.idle:,} idle subscribers")
            memory = pushing.memory(web, plan.idle)
            figures = []
            for count, rounds in plan.subscribers.items():
                self._say(f"Pushing {rounds} changes to {count:,} subscribers, and the C loop")
                figures.append(pushing.measure(web, count, rounds))
        redeems.wait_until_drained(self._stack)
        redeems.check(self._stack, self._redeemed_count)
        return figures, memory


def _progress() -> Callable[[str], None]:
    start = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - start:5.0f} s] {line}", file=sys.stderr, flush=True)

    return say


def main() -> None:
    """Run `python -m bench`; its --help lists the options."""
    surroundings.enter(surroundings.for_tools(os.environ))
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--quick", action="store_true", help="a shorter run, for trying: docs are left alone")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of tables")
    kind.add_argument(
        "--check",
        action="store_true",
        help="fail where a ratio is worse than the last of this machine by more than its noise; write nothing then",
    )
    parser.add_argument("--broker", choices=("redis", "rabbitmq"), default="redis")
    arguments = parser.parse_args()
    last = history.last_on(machine.name(), history.read())
    if arguments.check and last is None:
        sys.exit("bench: the history has no run on this machine to compare with")
    say = _progress()
    max_files = pushes.allow_many_sockets()
    plan = QUICK if arguments.quick else FULL
    if max_files < max(plan.subscribers) + 200:
        sys.exit(f"bench: this system allows {max_files} open files; raise its limit (ulimit -Hn)")
    try:
        with stage(arguments.broker, say) as stack:
            figures = Run(plan, stack, say).everything()
    except (BenchFailed, CannotStart) as error:
        sys.exit(f"bench: {error}")
    new = history.record(machine.name(), figures.ratios())
    lost = history.losses(new, last) if arguments.check and last else []
    if not (arguments.quick or lost):
        _write(figures, new, say)
    print(json.dumps(figures.as_dict(), indent=2) if arguments.json else markdown(figures, _NOTES.read_text()))
    if lost:
        sys.exit("\n".join(["bench: worse than the last run on this machine:", *lost]))


def _write(figures: Figures, new: history.Record, say: Callable[[str], None]) -> None:
    """Write the page, and add the run to the history and its picture."""
    _PAGE.write_text(carry_over(_PAGE.read_text(), markdown(figures, _NOTES.read_text())))
    history.append(new)
    _PICTURE.write_text(draw(history.read()))
    for path in (_PAGE, history.HISTORY, _PICTURE):
        say(f"Wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
