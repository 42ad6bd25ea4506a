"""The relay, `python -m workers.relay`: it turns outbox rows into Celery tasks, until it is stopped.

A commit wakes it through Redis, and it also looks once a second without being woken. The first change goes out at once;
the next ones are merged, to one change per board and broadcast interval; a message has those of several boards.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Sequence
from itertools import chain
from types import FrameType

import redis.exceptions
import structlog

from app import logs, metrics
from app.services.boards.outbox import BoardChange
from app.stores.boards.rankings import WAKE_CHANNEL
from app.stores.redis.pubsub import Channels
from workers.app import app
from workers.publisher import Publisher
from workers.queue_depths import QueueDepthReporter
from workers.queues import SCORE_EVENT_TASKS, SEASON_TASKS, queue_of

log = structlog.get_logger("fairboard.relay")

_POLL_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_SIGN_SECONDS = 5.0
_BOARDS = 8  # in one message: as many as an action feeds, so that several workers share the boards of many


class Relay:
    """The loop that drains the outbox. Several may run at once: each takes rows that no other holds."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._container = app.container
        self._stopping = False
        self._sign_at = 0.0
        self._wake_channel: Channels | None = None
        self._publisher = Publisher(app)

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        """Finish the current batch, then end."""
        self._stopping = True

    def run(self) -> None:
        """Drain the outbox whenever it has rows; retry after a second while a part is down."""
        while not self._stopping:
            started_at = time.monotonic()
            self._give_sign_of_life()
            try:
                while self._container.outbox.drain(self._publish) and not self._stopping:
                    self._give_sign_of_life()
                    self._pause(started_at)
                    started_at = time.monotonic()
            except Exception as error:  # noqa: BLE001 - after any error the rows stay, and a retry is safe
                log.warning("relay_failed", kind=type(error).__name__, error=str(error).split("\n")[0])
                time.sleep(_RETRY_SECONDS)
                continue
            self._wait_for_commit()

    def _publish(self, changes: list[BoardChange]) -> None:
        # These rows were committed before: a webhook that was made before them is seen here.
        has_webhooks = self._container.webhooks.any_enabled()
        for change in changes:
            if change.has_ended:
                self._publish_end(change, has_webhooks)
        scored = [change for change in changes if change.players]
        for start in range(0, len(scored), _BOARDS):
            boards = scored[start : start + _BOARDS]
            request_ids = list(dict.fromkeys(chain.from_iterable(change.request_ids for change in boards)))
            for task in _with_work(SCORE_EVENT_TASKS, has_webhooks):
                self._publisher.send(task, {"boards": list(map(_facts, boards)), "request_ids": request_ids})
            events = {change.board: len(change.events) for change in boards}
            metrics.relay_published.inc(sum(events.values()))
            log.info("published", events=events, request_ids=request_ids)

    def _publish_end(self, change: BoardChange, has_webhooks: bool) -> None:
        for task in _with_work(SEASON_TASKS, has_webhooks):
            self._publisher.send(task, {"season_id": change.season_id})
        log.info("season_ended", board=change.board, season_id=change.season_id)

    def _pause(self, started_at: float) -> None:
        time.sleep(max(0.0, started_at + self._interval - time.monotonic()))

    def _wait_for_commit(self) -> None:
        """Wait until a commit, at most for the poll interval."""
        try:
            if self._wake_channel is None:
                self._wake_channel = Channels(self._container.redis, WAKE_CHANNEL)
                self._wake_channel.open()
            message = self._wake_channel.next(_POLL_SECONDS)
            while message:
                if message["type"] == "message":
                    self._container.rankings.clear_wake(str(message["data"]))
                message = self._wake_channel.next(0)
        except (redis.exceptions.RedisError, OSError):
            if self._wake_channel is not None:
                self._wake_channel.close()
            self._wake_channel = None  # without Redis the relay polls; on a cluster it then listens to another node
            time.sleep(_POLL_SECONDS)

    def _give_sign_of_life(self) -> None:
        if time.monotonic() >= self._sign_at:
            self._sign_at = time.monotonic() + _SIGN_SECONDS
            with contextlib.suppress(redis.exceptions.RedisError, OSError):
                self._container.rankings.note_look()


def _with_work(tasks: Sequence[str], has_webhooks: bool) -> list[str]:
    """Return the tasks that have something to do: those of webhooks would find none."""
    return [task for task in tasks if has_webhooks or queue_of(task) != "webhooks"]


def _facts(change: BoardChange) -> dict[str, object]:
    return {
        "season_id": change.season_id,
        "players": [str(player) for player in change.players],
        "events": change.events,
        "request_ids": change.request_ids,
        "committed_at": change.committed_at,
    }


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    logs.configure(app.settings)
    relay = Relay(app.settings.broadcast_seconds)
    signal.signal(signal.SIGTERM, relay.stop)
    signal.signal(signal.SIGINT, relay.stop)
    app.watch.serve()
    QueueDepthReporter(app, app.container.queue_depths).start()
    relay.run()
    app.close_container()


if __name__ == "__main__":
    main()
