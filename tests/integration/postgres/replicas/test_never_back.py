"""While players score, and replicas lag, stall and die, no reader and no subscriber sees the board go back in time."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from uuid import UUID

from app.containers.container import Container
from app.domain.boards import MAIN, StandingRow
from app.stores.boards.board_events import BoardChanged
from devstack.replica import Replica
from tests.integration.postgres.replicas.parts import commit, near_to, record, refresh

_SECONDS = 6.0
Scores = dict[str, int]
Job = Callable[[random.Random], None]


class Floor:
    """The highest score that any reader saw of each player. Scores only rise here: a lower one is an older one."""

    def __init__(self) -> None:
        self._highest: Scores = {}
        self._lock = threading.Lock()

    def now(self) -> Scores:
        with self._lock:
            return dict(self._highest)

    def raise_to(self, scores: Scores) -> None:
        with self._lock:
            for player, score in scores.items():
                self._highest[player] = max(score, self._highest.get(player, 0))


class Play:
    """Concurrent jobs, each on a thread of its own until time is up; `wrong` lists the violations."""

    def __init__(self, container: Container, replicas: list[Replica], players: list[UUID]) -> None:
        self.container, self.replicas, self.players = container, replicas, players
        self.wrong: list[str] = []
        self.counts: Counter[str] = Counter()
        self._until = time.monotonic() + _SECONDS
        self._replica_lock = threading.Lock()
        self._lists, self._tops, self._standings = Floor(), Floor(), Floor()

    def run(self, *jobs: Job) -> None:
        """Run the jobs, and crashes on this thread: a server dies with the thread that started it."""
        threads = [threading.Thread(target=self._repeat, args=(job, random.Random(n))) for n, job in enumerate(jobs)]
        for thread in threads:
            thread.start()
        self._repeat(self.crash, random.Random())
        for thread in threads:
            thread.join()

    def _repeat(self, job: Job, dice: random.Random) -> None:
        while time.monotonic() < self._until:
            try:
                job(dice)
            except Exception as error:  # noqa: BLE001 - no job may fail, whatever a replica does
                self.wrong.append(f"{job.__qualname__}: {error!r}")
                return

    def score(self, dice: random.Random) -> None:
        """Score; one process in ten dies between its commit and its write to Redis."""
        player = dice.choice(self.players)
        scores = commit(self.container, player, 1)
        if dice.random() > 0.1:
            record(self.container, player, scores)
        time.sleep(dice.random() / 100)

    def push(self, dice: random.Random) -> None:
        refresh(self.container)
        time.sleep(dice.random() / 20)

    def lag_and_stall(self, dice: random.Random) -> None:
        with self._replica_lock:
            replica = dice.choice(self.replicas)
            if dice.random() < 0.15:
                replica.pause()
                time.sleep(0.4)
                replica.resume()
            elif dice.random() < 0.5:
                replica.pause_replay()
            else:
                replica.resume_replay()
        time.sleep(dice.random() / 5)

    def crash(self, _: random.Random) -> None:
        """Kill and restart a replica: it may come back with less than it had."""
        time.sleep(1.5)
        with self._replica_lock:
            self.replicas[0].kill()
            self.replicas[0].start()

    def reading(self, reader: Container) -> Job:
        def read(dice: random.Random) -> None:
            how = dice.choice([self._list, self._top, self._one, self._one, self._neighbours])
            how(reader, dice.choice(self.players))
            self.counts[how.__name__] += 1

        return read

    def _list(self, reader: Container, _: UUID) -> None:
        """Read as a new subscriber does."""
        self._see(self._lists, lambda: reader.standings.snapshot(MAIN)["data"])

    def _top(self, reader: Container, _: UUID) -> None:
        """Read HTTP's list: it may be a second old, so only the list itself bounds it."""
        self._see(self._tops, lambda: json.loads(reader.standings.top(MAIN).rows))

    def _one(self, reader: Container, player: UUID) -> None:
        self._see(self._standings, lambda: [reader.standings.standing(player).as_row()])

    def _neighbours(self, reader: Container, player: UUID) -> None:
        def read() -> list[StandingRow]:
            me, above, below = reader.board_pages.own(reader.standings.season(MAIN), player, 10)
            return [standing.as_row() for standing in (*above, me, *below)]

        self._see(self._standings, read)

    def _see(self, floor: Floor, read: Callable[[], list[StandingRow]]) -> None:
        before = floor.now()
        scores = {row["user_id"]: row["score"] or 0 for row in read()}
        self.wrong += [
            f"{score} after {before[player]}" for player, score in scores.items() if score < before.get(player, 0)
        ]
        floor.raise_to(scores)
        self._standings.raise_to(scores)


class Watcher:
    """A subscriber that takes newer versions only."""

    def __init__(self, container: Container) -> None:
        self._subscription = container.subscription()
        self._subscription.open()
        self.boards: list[BoardChanged] = []

    def listen(self, _: random.Random) -> None:
        message = self._subscription.next(0.05)
        if isinstance(message, BoardChanged):
            self.boards.append(message)

    def wrong(self) -> list[str]:
        """Return each score that is lower than on a board with a lower version."""
        violations, highest = [], Counter[str]()
        for board in sorted(self.boards, key=lambda board: board.version):
            for row in board.data:
                score = row["score"] or 0
                if score < highest[row["user_id"]]:
                    violations.append(f"version {board.version}: {score} after {highest[row['user_id']]}")
                highest[row["user_id"]] = score
        return violations

    def close(self) -> None:
        self._subscription.close()


def test_a_board_never_goes_back_while_replicas_lag_stall_and_crash(
    container: Container, replicas: list[Replica], ready: list[UUID]
) -> None:
    with ExitStack() as stack:
        readers = [near_to(container, replicas) for _ in range(3)]
        pusher = Container(container.settings)
        watcher = Watcher(container)
        for close in (watcher.close, pusher.close, *(reader.close for reader in readers)):
            stack.callback(close)
        play, push = Play(container, replicas, ready), Play(pusher, replicas, ready).push
        play.run(
            play.score,
            play.score,
            play.push,
            push,
            play.lag_and_stall,
            watcher.listen,
            *(play.reading(reader) for reader in readers),
        )
        refresh(container)
    assert play.wrong == []
    assert watcher.wrong() == []
    assert len(watcher.boards) > 5
    assert min(play.counts.values()) > 5
    assert len(play.counts) == 4
