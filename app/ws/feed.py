"""What changed, from outside: the greenlet that hands Redis's messages to the hub."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import gevent
import redis
import structlog

from app.errors import NotFound, Refusal
from app.stores.boards.board_events import BoardChanged, Listening, LoginEnded, Message, PlayerSuspended, Subscription
from app.stores.postgres.engine import UNAVAILABLE
from app.ws.board import Cause
from app.ws.hub import Hub
from app.ws.messages import BoardSnapshot

log = structlog.get_logger("fairboard.ws")

_DOWN: tuple[type[Exception], ...] = (*UNAVAILABLE, redis.RedisError, Refusal)

_WAIT_SECONDS = 0.5
_REREAD_SECONDS = 2.0  # boards with subscribers are read again this often while nothing is heard
_RETRY_SECONDS = (0.05, 0.1, 0.2, 0.4)  # after a loss; the last one repeats

ReadBoard = Callable[[str], BoardSnapshot]


class Feed:
    """Keeps one subscription open for ever, and the hub's boards right whatever was missed meanwhile."""

    def __init__(
        self, subscribe: Callable[[], Subscription], snapshot: ReadBoard, hub: Hub, missed: Callable[[], None]
    ) -> None:
        """`snapshot` reads a board and may raise; `missed` is told that control messages may be lost."""
        self._subscribe, self._snapshot, self._hub, self._missed = subscribe, snapshot, hub, missed
        self._failures = 0
        self._read_at = 0.0
        self._doubted: set[str] = set()  # boards that were not as they should be, at the last look
        self._lost = 0  # times that messages may have been lost

    def read_settled(self, board: str) -> BoardSnapshot:
        """A board that is as new as everything heard so far. Raises what `snapshot` raises.

        What a lost connection hid is read again for boards that have subscribers; someone who is about to become the
        first one must not be left with what was read before.
        """
        while True:
            lost = self._lost
            newest = self._snapshot(board)
            if lost == self._lost:
                return newest

    def run(self) -> None:
        """Never returns. A lost Redis is waited for; sockets stay and are brought up to date after it."""
        while True:
            try:
                self._listen()
            except _DOWN as error:
                log.warning("feed_lost", kind=type(error).__name__)
            except Exception:  # whatever it was, this process must go on pushing
                log.exception("feed_failed")
            gevent.sleep(_RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS) - 1)])
            self._failures += 1

    def _listen(self) -> None:
        subscription = self._subscribe()
        try:
            subscription.open()
            while True:
                message = subscription.next(_WAIT_SECONDS)
                if message is not None:
                    self._take(message)
                elif self._doubted or time.monotonic() - self._read_at > _REREAD_SECONDS:
                    self._look()
        finally:
            subscription.close()

    def _take(self, message: Message) -> None:
        match message:
            case BoardChanged(board, version, rows, changes, request_ids, committed_at):
                self._hub.change(board, version, rows, changes, Cause(request_ids, committed_at))
            case PlayerSuspended(player_id):
                self._hub.end_player(player_id)
            case LoginEnded(login_id):
                self._hub.end_login(login_id)
            case Listening():
                self._lost += 1
                self._read_again()
                self._missed()
                self._failures = 0

    def _look(self) -> None:
        """What is new though nobody said so may be on its way; if it still is after another silence, it was missed."""
        before, self._doubted = self._doubted, set()
        for newest in self._newest():
            if newest["board"] in before or self._hub.shows(newest):
                self._hub.catch_up(newest)
            else:
                self._doubted.add(newest["board"])

    def _read_again(self) -> None:
        self._doubted.clear()
        for newest in self._newest():
            self._hub.catch_up(newest)

    def _newest(self) -> Iterator[BoardSnapshot]:
        for board in self._hub.watched_boards():
            try:
                yield self._snapshot(board)
            except NotFound:
                continue
        self._read_at = time.monotonic()
