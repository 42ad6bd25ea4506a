"""Who is connected to this process, and how a changed board reaches all of them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

import gevent
import structlog

from app import metrics
from app.errors import AccountSuspended, Refusal, Unauthorized
from app.ws import frames
from app.ws.board import NOBODY, Board, Cause, Update
from app.ws.messages import BoardSnapshot, Row
from app.ws.outbound import offer_all
from app.ws.subscriber import SignIn, Subscriber

log = structlog.get_logger("fairboard.ws")

_STRIDE = 200  # sends between two chances for everything else in this process
_LONGEST_REST = 0.02  # seconds given away per chance …
_ALL_RESTS = 0.3  # … and per broadcast: idle time may never come on a busy server, and the board must


class Hub:
    """All sockets of one process. Nothing here waits, except the greenlet that sends a board."""

    def __init__(self, *, merge_seconds: float) -> None:
        """`merge_seconds`: least time between two broadcasts of a board; changes in between go as one."""
        self.sockets: set[Subscriber] = set()
        self.closing = False
        self.pushed = 0  # boards handed to sockets, ever
        self.dropped_slow = 0  # sockets closed with 4409, ever
        self.heard = 0  # frames that were looked at, ever
        self.closed_flood = 0  # sockets closed because they sent too much, ever
        self._merge_seconds = merge_seconds
        self._boards: dict[str, Board[Subscriber]] = {}
        self._players: defaultdict[UUID, set[Subscriber]] = defaultdict(set)
        self._logins: defaultdict[UUID, set[Subscriber]] = defaultdict(set)

    def add(self, subscriber: Subscriber) -> None:
        """A socket that has not subscribed yet."""
        self.sockets.add(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """A socket that is gone."""
        self.sockets.discard(subscriber)
        self._leave(subscriber)

    def join(self, subscriber: Subscriber, who: SignIn, snapshot: BoardSnapshot) -> None:
        """Answer a subscribe with the newest board, and give it every newer one from now on.

        `snapshot` was read before; a change that has overtaken it is used instead. There is no wait
        between looking and joining, so no change falls between them.
        """
        self._leave(subscriber)
        subscriber.who = who
        self._players[who.player_id].add(subscriber)
        self._logins[who.login_id].add(subscriber)
        home = self._board(snapshot["board"])
        home.learn(snapshot["version"], snapshot["data"])
        subscriber.board = home
        home.enter(subscriber, who.player_id)
        subscriber.version, frame = home.initial()
        subscriber.outbound.start_over(frame)

    def change(
        self, board: str, version: int, rows: Sequence[Row], changes: Iterable[Row], cause: Cause = NOBODY
    ) -> None:
        """The board has changed: send it to its subscribers, unless it is not newer than the last one."""
        home = self._board(board)
        if not home.change(version, rows, changes, cause):
            _log_known(home, cause)
        elif not home.busy:
            home.busy = True
            gevent.spawn(self._broadcast, home)

    def catch_up(self, snapshot: BoardSnapshot) -> None:
        """A board read again in case a change was missed: sent only if it is not what was sent last."""
        home = self._board(snapshot["board"])
        if self.shows(snapshot):
            home.learn(snapshot["version"], snapshot["data"])
        else:
            self.change(snapshot["board"], snapshot["version"], snapshot["data"], ())

    def shows(self, snapshot: BoardSnapshot) -> bool:
        """Whether its subscribers have these rows already, or are about to."""
        return bool(snapshot["data"] == self._board(snapshot["board"]).rows)

    def watched_boards(self) -> list[str]:
        """Boards that have subscribers."""
        return [board.name for board in self._boards.values() if board.members]

    def boards(self) -> list[Board[Subscriber]]:
        """All that anybody here has ever watched."""
        return list(self._boards.values())

    def end_player(self, player_id: UUID) -> None:
        """The player is suspended."""
        self._end(self._players.get(player_id, ()), AccountSuspended())

    def end_login(self, login_id: UUID) -> None:
        """The login is over."""
        self._end(self._logins.get(login_id, ()), Unauthorized("This sign-in has ended. Sign in again."))

    def close_all(self) -> None:
        """Shutdown: every client is told to come back later; new sockets are to be refused."""
        self.closing = True
        for subscriber in self.sockets:
            subscriber.outbound.close(frames.RESTART, "service restart")

    def _board(self, name: str) -> Board[Subscriber]:
        if name not in self._boards:
            self._boards[name] = Board[Subscriber](name)
        return self._boards[name]

    def _leave(self, subscriber: Subscriber) -> None:
        if subscriber.board is None or subscriber.who is None:
            return
        who = subscriber.who
        subscriber.board.leave(subscriber, who.player_id)
        for index, key in ((self._players, who.player_id), (self._logins, who.login_id)):
            index[key].discard(subscriber)
            if not index[key]:
                del index[key]
        subscriber.board = subscriber.who = None

    def _end(self, subscribers: Iterable[Subscriber], refusal: Refusal) -> None:
        for subscriber in tuple(subscribers):
            subscriber.refuse(refusal)

    def _broadcast(self, board: Board[Subscriber]) -> None:
        try:
            while board.sent < board.version:
                gevent.sleep(max(0.0, board.last_sent_at + self._merge_seconds - time.monotonic()))
                board.last_sent_at = time.monotonic()
                update = board.take_update()
                if board.members:
                    before = self.pushed
                    self._send(board, update.version, update.frame)
                    _log_pushed(board, update, self.pushed - before)
        finally:
            board.busy = False

    def _send(self, board: Board[Subscriber], version: int, frame: bytes) -> None:
        members = list(board.members)
        rest = min(_LONGEST_REST, _ALL_RESTS * _STRIDE / max(1, len(members)))
        for start in range(0, len(members), _STRIDE):
            if start:
                with gevent.Timeout(rest, exception=False):  # type: ignore[arg-type]  # False: end quietly
                    gevent.idle()
            due = []
            for subscriber in members[start : start + _STRIDE]:
                # It may have left or been given a newer board while others were served.
                if subscriber.version < version and subscriber.board is board:
                    subscriber.version = version
                    due.append(subscriber.outbound)
            offer_all(due, frame)
            self.pushed += len(due)


def _log_pushed(board: Board[Subscriber], update: Update, sockets: int) -> None:
    """One line for a broadcast, whoever many it reached; `milliseconds` are those of the sending."""
    since: dict[str, float] = {}
    if update.cause.committed_at is not None:
        seconds = max(0.0, time.time() - update.cause.committed_at)
        metrics.commit_to_push.observe(seconds)
        since["since_commit"] = round(seconds * 1000, 1)
    log.info(
        "board_pushed",
        board=board.name,
        version=update.version,
        sockets=sockets,
        milliseconds=round((time.monotonic() - board.last_sent_at) * 1000, 1),
        **since,
        request_ids=update.cause.request_ids,
    )


def _log_known(board: Board[Subscriber], cause: Cause) -> None:
    """These requests' change was in a board that was sent, or is about to be: read again before the news of it came."""
    if cause.request_ids and board.members:
        log.info("board_known", board=board.name, version=board.version, request_ids=cause.request_ids)
