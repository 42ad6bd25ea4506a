"""While players score, and replicas lag, stall and die, no reader and no subscriber sees the board go back in time."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from uuid import UUID

from app.containers.container import Container
from app.domain.boards import MAIN
from app.stores.boards.board_events import BoardChanged
from devstack.replica import Replica
from tests.integration.postgres.replicas.parts import commit, near_to, record, refresh

_SECONDS = 6.0
Scores = dict[str, int]
Job = Callable[[random.Random], None]


class Floor:
    """The highest score of each player that anybody has seen. Scores only rise here: a lower one is an older one."""

    def __init__(self) -> None:
        self._seen: Scores = {}
        self._lock = threading.Lock()

    def now(self) -> Scores:
        with self._lock:
            return dict(self._seen)

    def raise_to(self, scores: Scores) -> None:
        with self._lock:
            for player, score in scores.items():
                self._seen[player] = max(score, self._seen.get(player, 0))


class Play:
    """Everything that goes on at once, each on a thread of its own until time is up; `wrong` is what must not be."""

    def __init__(self, container: Container, replicas: list[Replica], players: list[UUID]) -> None:
        self.container, self.replicas, self.players = container, replicas, players
        self.wrong: list[str] = []
        self.done: Counter[str] = Counter()
        self._until = time.monotonic() + _SECONDS
        self._one_at_a_time = threading.Lock()
        self._lists, self._tops, self._standings = Floor(), Floor(), Floor()

    def run(self, *jobs: Job) -> None:
        """And crashes, on this thread: a server dies with the thread that started it."""
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
        """One process in ten dies between its commit and what it would have told Redis."""
        player = dice.choice(self.players)
        done = commit(self.container, player, 1)
        if dice.random() > 0.1:
            record(self.container, player, done)
        time.sleep(dice.random() / 100)

    def push(self, dice: random.Random) -> None:
        refresh(self.container)
        time.sleep(dice.random() / 20)

    def lag_and_stall(self, dice: random.Random) -> None:
        with self._one_at_a_time:
            each = dice.choice(self.replicas)
            if dice.random() < 0.15:
                each.pause()
                time.sleep(0.4)
                each.resume()
            elif dice.random() < 0.5:
                each.pause_replay()
            else:
                each.resume_replay()
        time.sleep(dice.random() / 5)

    def crash(self, _: random.Random) -> None:
        """A replica that comes back may answer with less than it had."""
        time.sleep(1.5)
        with self._one_at_a_time:
            self.replicas[0].kill()
            self.replicas[0].start()

    def reading(self, reader: Container) -> Job:
        def read(dice: random.Random) -> None:
            how = dice.choice([self._list, self._top, self._one, self._one, self._neighbours])
            how(reader, dice.choice(self.players))
            self.done[how.__name__] += 1

        return read

    def _list(self, reader: Container, _: UUID) -> None:
        """What a new subscriber is given."""
        self._see(self._lists, lambda: reader.standings.snapshot(MAIN)["data"])

    def _top(self, reader: Container, _: UUID) -> None:
        """HTTP's list may be a second old: nothing but itself binds it."""
        self._see(self._tops, lambda: json.loads(reader.standings.top(MAIN).rows))

    def _one(self, reader: Container, player: UUID) -> None:
        self._see(self._standings, lambda: [reader.standings.one(player).as_row()])

    def _neighbours(self, reader: Container, player: UUID) -> None:
        def read() -> list[dict[str, Any]]:
            me, above, below = reader.standings.around(player, 10)
            return [each.as_row() for each in (*above, me, *below)]

        self._see(self._standings, read)

    def _see(self, floor: Floor, read: Callable[[], list[dict[str, Any]]]) -> None:
        before = floor.now()
        seen = {row["user_id"]: row["score"] for row in read()}
        self.wrong += [f"{score} after {before[who]}" for who, score in seen.items() if score < before.get(who, 0)]
        floor.raise_to(seen)
        self._standings.raise_to(seen)


class Watcher:
    """A subscriber: takes newer versions only."""

    def __init__(self, container: Container) -> None:
        self._subscription = container.subscription()
        self._subscription.open()
        self.heard: list[BoardChanged] = []

    def listen(self, _: random.Random) -> None:
        message = self._subscription.next(0.05)
        if isinstance(message, BoardChanged):
            self.heard.append(message)

    def wrong(self) -> list[str]:
        """Boards that show less than one with a lower version did."""
        found, highest = [], Counter[str]()
        for board in sorted(self.heard, key=lambda board: board.version):
            for row in board.data:
                if row["score"] < highest[row["user_id"]]:
                    found.append(f"version {board.version}: {row['score']} after {highest[row['user_id']]}")
                highest[row["user_id"]] = row["score"]
        return found

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
    assert len(watcher.heard) > 5
    assert min(play.done.values()) > 5
    assert len(play.done) == 4
