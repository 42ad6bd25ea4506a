"""The source of changes: the greenlet that hands Redis's messages to the hub."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import gevent
import redis
import structlog

from app.errors import NotFound, Refusal
from app.services.boards.standings import BoardSnapshot
from app.stores.boards.board_events import BoardChanged, Listening, LoginEnded, Message, PlayerSuspended, Subscription
from app.stores.postgres.engine import UNAVAILABLE
from app.ws.board import Cause
from app.ws.hub import Hub
from app.ws.shared_reads import SharedReads

log = structlog.get_logger("fairboard.ws")

_DOWN: tuple[type[Exception], ...] = (*UNAVAILABLE, redis.RedisError, Refusal)

_WAIT_SECONDS = 0.5
_REREAD_SECONDS = 2.0  # boards with subscribers are read again this often while no message arrives
_RETRY_SECONDS = (0.05, 0.1, 0.2, 0.4)  # pauses after lost connections; the last one repeats

ReadBoard = Callable[[str], BoardSnapshot]


class Feed:
    """The consumer of Redis's messages: keeps one subscription open, and corrects boards that missed a message."""

    def __init__(
        self, subscribe: Callable[[], Subscription], snapshot: ReadBoard, hub: Hub, on_missed: Callable[[], None]
    ) -> None:
        """Take `snapshot`, which reads a board and may raise, and `on_missed`, for lost control messages."""
        self._subscribe, self._snapshot, self._hub, self._on_missed = subscribe, snapshot, hub, on_missed
        self._shared_snapshots = SharedReads(snapshot)
        self._failures = 0
        self._read_at = 0.0
        self._doubted: set[str] = set()  # boards whose rows differed from the snapshot at the last check
        self._gaps = 0  # times that messages may have been lost

    def read_settled(self, board: str) -> BoardSnapshot:
        """Return a snapshot that is as new as every message so far. Raises the errors of `snapshot`.

        After a lost connection, boards that have subscribers are read again. A client that is about to become the
        first subscriber of a board must not keep a snapshot from before.
        """
        while True:
            gaps = self._gaps
            newest = self._shared_snapshots.get(board)
            if gaps == self._gaps:
                return newest

    def run(self) -> None:
        """Listen for ever. While Redis is away the sockets stay open; they get the newest boards after it."""
        while True:
            try:
                self._listen()
            except _DOWN as error:
                log.warning("feed_lost", kind=type(error).__name__)
            except Exception:  # this process must go on pushing after any error
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
                    self._handle(message)
                elif self._doubted or time.monotonic() - self._read_at > _REREAD_SECONDS:
                    self._check_boards()
        finally:
            subscription.close()

    def _handle(self, message: Message) -> None:
        match message:
            case BoardChanged(board, version, rows, changes, request_ids, committed_at):
                self._hub.change(board, version, rows, changes, Cause(request_ids, committed_at))
            case PlayerSuspended(player_id):
                self._hub.end_player(player_id)
            case LoginEnded(login_id):
                self._hub.end_login(login_id)
            case Listening():
                self._gaps += 1
                self._catch_up()
                self._on_missed()
                self._failures = 0

    def _check_boards(self) -> None:
        """Correct boards that missed a change. The message may be on its way, so a board must differ in two checks."""
        doubted_before, self._doubted = self._doubted, set()
        for newest in self._read_boards():
            if newest["board"] in doubted_before or self._hub.has_rows(newest):
                self._hub.catch_up(newest)
            else:
                self._doubted.add(newest["board"])

    def _catch_up(self) -> None:
        self._doubted.clear()
        for newest in self._read_boards():
            self._hub.catch_up(newest)

    def _read_boards(self) -> Iterator[BoardSnapshot]:
        for board in self._hub.watched_boards():
            try:
                yield self._snapshot(board)
            except NotFound:
                continue
        self._read_at = time.monotonic()
