"""One fault after the other under a steady load, and the checks after each."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import players
from bench.faults import disk
from bench.faults.check import BOARDS, Books, settle
from bench.faults.load import CUT_OFF, CrowdProcess, Phase
from bench.faults.scene import Fault, Scene
from bench.faults.seasons import end_season
from bench.load import BenchFailed
from devstack.cluster import Cluster

# These are a real deployment's settings but for the limits: the load comes from one address, and the drill tests
# faults, not cheats.
SETTINGS = {
    "RATE_LIMIT_AUTH": "10000000/minute",
    "RATE_LIMIT_ACTIONS": "10000000/minute",
    "RATE_LIMIT_READS": "10000000/minute",
    "RATE_LIMIT_SOCKETS": "10000000/minute",
    "MAX_SOCKETS_PER_ADDRESS": "100000",
    "MAX_SOCKETS_PER_PLAYER": "10000",
    "MAX_ACTIVE_ACTIONS": "10000",
    "ACCESS_TOKEN_SECONDS": "86400",
    "ANTICHEAT_FLAG": "1000000",
    "ANTICHEAT_REJECT": "1000000",
    "ANTICHEAT_CRITICAL": "1000000",
    "GAIN_WATCH": "off",
}
LEAST_ANSWERS = 10
"""A drill with fewer good answers than this has not been under load."""
_CLIENTS_SECONDS = 30.0
_SOCKETS_PER_WATCHER = 25
_BOARDS_FILE = Path(__file__).with_name("boards.toml")
_SEASONAL_BOARD = "drill-minute"


@dataclass(frozen=True, slots=True)
class DrillSize:
    """The size of a drill. `before` and `after`: seconds of load around the fault; `rate`: redemptions a second."""

    players: int
    sockets: int
    rate: float
    before: float
    after: float


FULL = DrillSize(players=40, sockets=500, rate=50, before=3, after=5)
SHORT = DrillSize(players=20, sockets=50, rate=20, before=0.5, after=1)


@dataclass(frozen=True, slots=True)
class DrillOutcome:
    """The outcome of one fault. `wrong` is empty when the fault touched the load and every check passed.

    `settle_seconds`: seconds after the load until they passed; `touched`: the count of the fault's `touch`.
    """

    fault: Fault
    phase: Phase
    settle_seconds: float
    touched: int
    wrong: list[str] = field(default_factory=list)


class Drill:
    """A cluster under load."""

    def __init__(self, cluster: Cluster, crowd: CrowdProcess, size: DrillSize, folder: Path, *, short: bool) -> None:
        self.cluster, self.folder = cluster, folder
        self._crowd, self._size = crowd, size
        self._books = Books(cluster.env)
        self._scene = Scene(cluster, self._books, folder, short, Counter())

    def run(self, fault: Fault) -> DrillOutcome:
        """Break one part, and return the outcome once the load is at rest."""
        since = self._books.newest_event()
        self._crowd.begin()
        time.sleep(self._size.before)
        failures: list[str] = []
        count = fault.touch.begin(self._scene)
        end_season(self.cluster.env, _SEASONAL_BOARD)
        try:
            fault.strike(self._scene)
        except BenchFailed as error:
            failures = [str(error)]
        time.sleep(self._size.after)
        self._await_clients(fault)
        phase = self._crowd.rest()
        touched = count(phase)
        failures += fault.touch.missing(touched)
        if not any(action.outcome == "scored" for action in phase.actions):
            failures.append("nothing was redeemed")
        if phase.went_back:
            failures.append(f"{phase.went_back} boards were older than the one before on the same screen")
        books = self._books
        findings, settled = settle(
            [
                books.outbox,
                lambda: books.ledger(phase, since),
                lambda: books.boards(self._crowd),
                books.redis,
                lambda: books.dead_letters(self._scene.expected_dead_letters),
            ]
        )
        return DrillOutcome(fault, phase, settled, touched, failures + findings)

    def _await_clients(self, fault: Fault) -> None:
        """Let the load go on until clients have seen enough to judge by: on a busy machine everything takes longer."""
        deadline = time.monotonic() + _CLIENTS_SECONDS
        while time.monotonic() < deadline:
            saw, endings = self._crowd.seen()
            if saw.get("200", 0) > LEAST_ANSWERS and (CUT_OFF in endings or not fault.touch.cuts_sockets):
                return
            time.sleep(0.2)


@contextlib.contextmanager
def drill(folder: Path, size: DrillSize, *, short: bool, say: Callable[[str], None]) -> Iterator[Drill]:
    """Start everything in `folder`, the database on a small disk if we may mount one, and yield the drill."""
    with contextlib.ExitStack() as stack:
        if disk.may_mount():
            stack.enter_context(disk.small(folder / "cluster" / "postgres"))
        # Add the tasks from the start: for tasks that the worker did not know, it would have to be exchanged, twice.
        cluster = Cluster(folder / "cluster", SETTINGS, more_tasks=["bench.faults.poison"])
        stack.callback(cluster.discard)
        cluster.start(say)
        cluster.flask("boards", "apply", str(_BOARDS_FILE))
        people = players.register(cluster.url, size.players + -(-size.sockets // _SOCKETS_PER_WATCHER), prefix="drill")
        redeemers, watchers = people[: size.players], people[size.players :]
        say(f"Connecting {size.sockets} subscribers")
        crowd = CrowdProcess(
            folder, cluster.url, redeemers, watchers, boards=BOARDS, sockets=size.sockets, rate=size.rate
        )
        with crowd:
            yield Drill(cluster, crowd, size, folder, short=short)


def chosen(faults: Sequence[Fault], slugs: Sequence[str]) -> list[Fault]:
    """Return the faults of these slugs, or all. Raises `BenchFailed` for a slug that doesn't exist."""
    faults_by_slug = {fault.slug: fault for fault in faults}
    unknown = [slug for slug in slugs if slug not in faults_by_slug]
    if unknown:
        raise BenchFailed(f"no fault is called {unknown[0]}: choose from {', '.join(faults_by_slug)}")
    return [faults_by_slug[slug] for slug in slugs] if slugs else list(faults)
