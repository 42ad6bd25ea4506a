"""The watch over running processes: it reports failures and restarts ended processes."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Mapping

from devstack.child import CannotStart, Child
from devstack.group import Group
from devstack.news import News
from devstack.replica import Replica

_RESTARTS, _WITHIN_SECONDS = 5, 60.0
_STALLED_SECONDS = 10.0


class Watch:
    """The watch over a group. Call `step()` a few times a second, from the thread that started the group.

    A process that ends more than five times within a minute is started only every ten seconds from then on. It is never
    given up: a full disk has room again some day, and then everything recovers.
    """

    def __init__(self, group: Group, say: Callable[[str], None], *, demo: bool = False, pause: float = 10.0) -> None:
        """Pass `say` one line for each event, without the events that the demo reports itself if `demo`.

        `pause`: seconds between two starts of a process that keeps ending.
        """
        self._group, self._say, self._pause = group, say, pause
        self._news = News(group.folder.path / "log", demo=demo)
        self._ended: dict[str, list[float]] = {}
        self._retry_at: dict[str, float] = {}
        self._standbys = _StandbyWatch(group.processes)

    def step(self) -> bool:
        """Look once at everything; return whether a process was restarted. Waits for no answer."""
        with contextlib.suppress(OSError):  # an unreadable log must not end the watch
            for line in self._news.lines():
                self._say(line)
        restarts = [self._restart(name, child) for name, child in self._group.processes.items() if not child.is_running]
        for replica in self._standbys.take_stalled():
            self._say(f"{replica.name} can't follow the primary any more: copying the database anew")
            self._attempt(replica.name, replica.rebuild)
            restarts.append(True)
        return any(restarts)

    def close(self) -> None:
        """Stop looking."""
        self._standbys.close()

    def _restart(self, name: str, child: Child) -> bool:
        now = time.monotonic()
        if now < self._retry_at.get(name, 0.0):
            return False
        ends = [moment for moment in self._ended.get(name, []) if moment > now - _WITHIN_SECONDS] + [now]
        self._ended[name] = ends
        cause, plan = child.how_it_ended(), "restarting it"
        if len(ends) > _RESTARTS:
            self._retry_at[name] = now + self._pause
            plan = f"it keeps ending, so it is restarted only every {self._pause:.0f} s from now on"
        self._say(f"{name} has ended ({cause}): {plan}; see {child.log}")
        self._attempt(name, child.stop)  # clean up its remains
        self._attempt(name, child.launch)
        return True

    def _attempt(self, name: str, step: Callable[[], None]) -> None:
        """Run a step; report its failure, since a later call of `step()` tries it again."""
        try:
            step()
        except (CannotStart, OSError, subprocess.SubprocessError) as error:
            self._say(f"{name} cannot start: {error}")


class _StandbyWatch:
    """A thread that asks each replica now and then whether it follows: a stalled replica takes long to answer."""

    def __init__(self, processes: Mapping[str, Child]) -> None:
        self._replicas = [child for child in processes.values() if isinstance(child, Replica)]
        self._stalled: set[str] = set()
        self._closed = threading.Event()
        if self._replicas:
            threading.Thread(target=self._watch_replicas, daemon=True).start()

    def take_stalled(self) -> list[Replica]:
        """Return the replicas that have not been able to follow for ten seconds, each once."""
        replicas = [replica for replica in self._replicas if replica.name in self._stalled]
        self._stalled.clear()
        return replicas

    def close(self) -> None:
        self._closed.set()

    def _watch_replicas(self) -> None:
        last_well = {replica.name: time.monotonic() for replica in self._replicas}
        while not self._closed.wait(1.0):
            for replica in self._replicas:
                if not replica.cannot_follow():
                    last_well[replica.name] = time.monotonic()
                elif last_well[replica.name] < time.monotonic() - _STALLED_SECONDS:
                    self._stalled.add(replica.name)
                    last_well[replica.name] = time.monotonic()
