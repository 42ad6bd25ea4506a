"""One fault after the other under a steady load, and the proofs after each."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import players
from bench.faults import disk
from bench.faults.check import Books, settle
from bench.faults.load import Crowd, Seen
from bench.faults.scene import Fault, Scene
from bench.load import BenchFailed
from devstack.cluster import Cluster

# As a real deployment, but for limits: the load comes from one address, and what matters here is faults, not cheats.
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
}
_WATCHERS_EACH = 25


@dataclass(frozen=True, slots=True)
class Size:
    """`before` and `after`: seconds of load around the fault; `rate`: redemptions a second."""

    players: int
    sockets: int
    rate: float
    before: float
    after: float


FULL = Size(players=40, sockets=500, rate=50, before=3, after=5)
SHORT = Size(players=20, sockets=50, rate=20, before=0.5, after=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One fault. `wrong` is empty when it touched somebody and everything held; `settled` seconds after the load until
    it did; `touched` as the fault's `touch` counts."""

    fault: Fault
    seen: Seen
    settled: float
    touched: int
    wrong: list[str] = field(default_factory=list)


class Drill:
    """A cluster under load."""

    def __init__(self, cluster: Cluster, crowd: Crowd, size: Size, folder: Path, *, short: bool) -> None:
        self._crowd, self._size = crowd, size
        self._books = Books(cluster.env)
        self._scene = Scene(cluster, self._books, folder, short, Counter())

    def run(self, fault: Fault) -> Outcome:
        """Break one thing, and see what holds once the load has come to rest."""
        since = self._books.newest_event()
        self._crowd.begin()
        time.sleep(self._size.before)
        broken: list[str] = []
        count = fault.touch.begin(self._scene)
        try:
            fault.strike(self._scene)
        except BenchFailed as error:
            broken = [str(error)]
        time.sleep(self._size.after)
        seen = self._crowd.rest()
        touched = count(seen)
        broken += fault.touch.missing(touched)
        if not any(action.outcome == "scored" for action in seen.actions):
            broken.append("nothing was redeemed")
        if seen.went_back:
            broken.append(f"{seen.went_back} boards were older than the one before on the same screen")
        books = self._books
        wrong, settled = settle(
            [
                books.outbox,
                lambda: books.ledger(seen, since),
                lambda: books.boards(self._crowd),
                books.redis,
                lambda: books.dead_letters(self._scene.dead),
            ]
        )
        return Outcome(fault, seen, settled, touched, broken + wrong)


@contextlib.contextmanager
def drill(folder: Path, size: Size, *, short: bool, say: Callable[[str], None]) -> Iterator[Drill]:
    """Everything started in `folder`: the cluster, its database on a small disk if we may mount one, and the crowd."""
    with contextlib.ExitStack() as stack:
        if disk.may_mount():
            stack.enter_context(disk.small(folder / "cluster" / "postgres"))
        # From the beginning: for tasks that it did not know, its worker would have to be exchanged, twice.
        cluster = Cluster(folder / "cluster", SETTINGS, more_tasks=["bench.faults.poison"])
        stack.callback(cluster.discard)
        cluster.start(say)
        people = players.register(cluster.url, size.players + -(-size.sockets // _WATCHERS_EACH), prefix="drill")
        redeemers, watchers = people[: size.players], people[size.players :]
        say(f"Connecting {size.sockets} subscribers")
        crowd = Crowd(folder, cluster.url, redeemers, watchers, sockets=size.sockets, rate=size.rate)
        with crowd:
            yield Drill(cluster, crowd, size, folder, short=short)


def chosen(faults: Sequence[Fault], slugs: Sequence[str]) -> list[Fault]:
    """The faults of these slugs, or all; BenchFailed for one that doesn't exist."""
    known = {fault.slug: fault for fault in faults}
    unknown = [slug for slug in slugs if slug not in known]
    if unknown:
        raise BenchFailed(f"no fault is called {unknown[0]}: choose from {', '.join(known)}")
    return [known[slug] for slug in slugs] if slugs else list(faults)
