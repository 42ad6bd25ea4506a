"""Watching over what runs: show what goes wrong, start again what has ended."""

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
_LOST_SECONDS = 10.0


class Watch:
    """Call step() a few times a second, from the thread that started the group.

    What ends more than five times within a minute is started only every ten seconds from then on. It is never given
    up: a disk that is full has room again some day, and then everything goes on by itself.
    """

    def __init__(self, group: Group, say: Callable[[str], None], *, demo: bool = False, pause: float = 10.0) -> None:
        """`say` gets one line for each event; `demo`: without the news that the demo tells by itself; `pause`: seconds
        between two starts of what keeps ending."""
        self._group, self._say, self._pause = group, say, pause
        self._news = News(group.folder.path / "log", demo=demo)
        self._ended: dict[str, list[float]] = {}
        self._not_before: dict[str, float] = {}
        self._standbys = _Standbys(group.processes)

    def step(self) -> bool:
        """Look once at everything; true if something was started again. Waits for nothing to answer."""
        with contextlib.suppress(OSError):  # no log is worth the whole
            for line in self._news.lines():
                self._say(line)
        again = [self._again(name, child) for name, child in self._group.processes.items() if not child.running]
        for replica in self._standbys.lost():
            self._say(f"{replica.name} can't follow the primary any more: copying the database anew")
            self._try(replica.name, replica.rebuild)
            again.append(True)
        return any(again)

    def close(self) -> None:
        """Stop looking."""
        self._standbys.close()

    def _again(self, name: str, child: Child) -> bool:
        now = time.monotonic()
        if now < self._not_before.get(name, 0.0):
            return False
        ended = [moment for moment in self._ended.get(name, []) if moment > now - _WITHIN_SECONDS] + [now]
        self._ended[name] = ended
        words, how = child.how_it_ended(), "starting it again"
        if len(ended) > _RESTARTS:
            self._not_before[name] = now + self._pause
            how = f"it keeps ending, so it is tried every {self._pause:.0f} s from now on"
        self._say(f"{name} has ended ({words}): {how}; see {child.log}")
        self._try(name, child.stop)  # what it left behind
        self._try(name, child.launch)
        return True

    def _try(self, name: str, step: Callable[[], None]) -> None:
        """A step that may fail now, and is made again at one of the next looks."""
        try:
            step()
        except (CannotStart, OSError, subprocess.SubprocessError) as error:
            self._say(f"{name} cannot start: {error}")


class _Standbys:
    """Asks each replica now and then whether it follows, in a thread: one that is stalled takes its time to say so."""

    def __init__(self, processes: Mapping[str, Child]) -> None:
        self._replicas = [child for child in processes.values() if isinstance(child, Replica)]
        self._lost: set[str] = set()
        self._closed = threading.Event()
        if self._replicas:
            threading.Thread(target=self._look, daemon=True).start()

    def lost(self) -> list[Replica]:
        """Those that have not been able to follow for ten seconds, each once."""
        found = [replica for replica in self._replicas if replica.name in self._lost]
        self._lost.clear()
        return found

    def close(self) -> None:
        self._closed.set()

    def _look(self) -> None:
        well = {replica.name: time.monotonic() for replica in self._replicas}
        while not self._closed.wait(1.0):
            for replica in self._replicas:
                if not replica.cannot_follow():
                    well[replica.name] = time.monotonic()
                elif well[replica.name] < time.monotonic() - _LOST_SECONDS:
                    self._lost.add(replica.name)
                    well[replica.name] = time.monotonic()
