"""The sockets of this process, and the broadcast of a changed board to them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

import gevent
import gevent.event
import structlog

from app import metrics
from app.errors import AccountSuspended, Refusal, Unauthorized
from app.services.boards.board_views import no_board
from app.services.boards.standings import BoardSnapshot
from app.ws import frames
from app.ws.board import NO_CAUSE, Board, Cause, Update
from app.ws.messages import Row
from app.ws.outbound import offer_all
from app.ws.subscriber import SignIn, Subscriber

log = structlog.get_logger("fairboard.ws")

STRIDE = 200  # sends between two rests for the other work of this process
_MAX_REST = 0.02  # seconds per rest …
_MAX_TOTAL_REST = 0.3  # … and per broadcast: a busy server may never be idle, but must send the board


class Hub:
    """All sockets of one process. Its methods never block, except in the greenlet that sends a board."""

    def __init__(self, *, merge_seconds: float) -> None:
        """Take `merge_seconds`, the least time between two broadcasts of a board; changes in between are merged."""
        self.sockets: set[Subscriber] = set()
        self.is_closing = False
        self.pushed = 0  # boards handed to sockets since the start
        self.dropped_slow = 0  # sockets closed with 4409 since the start
        self.frames_read = 0  # frames handled since the start
        self.own_due: set[Board[Subscriber]] = set()  # boards whose members' own standings may have changed
        self.own_wake = gevent.event.Event()  # set when one is added
        self.closed_flood = 0  # sockets closed because they sent too much, since the start
        self._merge_seconds = merge_seconds
        self._boards: dict[str, Board[Subscriber]] = {}
        self._players: defaultdict[UUID, set[Subscriber]] = defaultdict(set)
        self._logins: defaultdict[UUID, set[Subscriber]] = defaultdict(set)

    def add(self, subscriber: Subscriber) -> None:
        """Add a socket that has not subscribed yet."""
        self.sockets.add(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Remove a closed socket."""
        self.sockets.discard(subscriber)
        self._leave(subscriber)

    def join(
        self, subscriber: Subscriber, sign_in: SignIn | None, snapshot: BoardSnapshot, *, me: bool = False
    ) -> None:
        """Answer a subscribe with the newest board, and send the subscriber every newer one from now on.

        `sign_in` is None for a socket that watches without an account. `me`: send the player's own standing too.
        `snapshot` was read before; a change that has overtaken it is used instead. There is no wait
        between the comparison and the joining, so no change is lost between them.
        """
        audience_before = subscriber.board, subscriber.player_id
        self._leave(subscriber)
        board = self._board(snapshot["board"])
        board.learn(snapshot["version"], snapshot["data"])
        subscriber.board, subscriber.sign_in = board, sign_in
        if sign_in is not None:
            self._players[sign_in.player_id].add(subscriber)
            self._logins[sign_in.login_id].add(subscriber)
        board.enter(subscriber, subscriber.player_id, me=me)
        if not me or audience_before != (board, subscriber.player_id):
            subscriber.own_standing = None
        subscriber.version, frame = board.initial()
        subscriber.outbound.start_over(frame)
        if me:
            self._note_own(board)

    def change(
        self, board: str, version: int, rows: Sequence[Row], changes: Iterable[Row], cause: Cause = NO_CAUSE
    ) -> None:
        """Send a changed board to its subscribers, unless it is not newer than the last one."""
        changed_board = self._board(board)
        self._note_own(changed_board)  # also for a version that is known: standings were read at another moment
        if not changed_board.change(version, rows, changes, cause):
            _log_known(changed_board, cause)
        elif not changed_board.busy:
            changed_board.busy = True
            gevent.spawn(self._broadcast, changed_board)

    def catch_up(self, snapshot: BoardSnapshot) -> None:
        """Take a board that was read again in case a change was missed, and send it only if its rows are new."""
        board = self._board(snapshot["board"])
        if self.has_rows(snapshot):
            board.learn(snapshot["version"], snapshot["data"])
        else:
            self.change(snapshot["board"], snapshot["version"], snapshot["data"], ())

    def has_rows(self, snapshot: BoardSnapshot) -> bool:
        """Return whether the board's subscribers have these rows already, or are about to get them."""
        return bool(snapshot["data"] == self._board(snapshot["board"]).rows)

    def watched_boards(self) -> list[str]:
        """Return the names of the boards that have subscribers."""
        return [board.name for board in self._boards.values() if board.members]

    def boards(self) -> list[Board[Subscriber]]:
        """Return all boards that had a subscriber in this process."""
        return list(self._boards.values())

    def end_player(self, player_id: UUID) -> None:
        """End the sockets of a suspended player."""
        self._end(self._players.get(player_id, ()), AccountSuspended())

    def end_login(self, login_id: UUID) -> None:
        """End the sockets of a login that has ended."""
        self._end(self._logins.get(login_id, ()), Unauthorized("This sign-in has ended. Sign in again."))

    def end_unentitled(self, board: str, players: Collection[UUID | None]) -> None:
        """End the sockets of these players on a board, and with None those without a player: it is gone for them."""
        unentitled = set(players)
        if unentitled:
            members = self._board(board).members
            self._end([member for member in members if member.player_id in unentitled], no_board(board))

    def close_all(self) -> None:
        """Close all sockets with 1012, which asks clients to come back later, and mark the hub as closing."""
        self.is_closing = True
        for subscriber in self.sockets:
            subscriber.outbound.close(frames.RESTART, "service restart")

    def _board(self, name: str) -> Board[Subscriber]:
        if name not in self._boards:
            self._boards[name] = Board[Subscriber](name)
        return self._boards[name]

    def _leave(self, subscriber: Subscriber) -> None:
        if subscriber.board is None:
            return
        subscriber.board.leave(subscriber, subscriber.player_id)
        if subscriber.sign_in is not None:
            sign_in = subscriber.sign_in
            for index, key in ((self._players, sign_in.player_id), (self._logins, sign_in.login_id)):
                index[key].discard(subscriber)
                if not index[key]:
                    del index[key]
        subscriber.board = subscriber.sign_in = None

    def _note_own(self, board: Board[Subscriber]) -> None:
        if board.own_members:
            self.own_due.add(board)
            self.own_wake.set()

    def _end(self, subscribers: Iterable[Subscriber], refusal: Refusal) -> None:
        for subscriber in tuple(subscribers):
            subscriber.refuse(refusal)

    def _broadcast(self, board: Board[Subscriber]) -> None:
        try:
            while board.sent_version < board.version:
                gevent.sleep(max(0.0, board.last_sent_at + self._merge_seconds - time.monotonic()))
                board.last_sent_at = time.monotonic()
                update = board.take_update()
                if board.members:
                    sockets = self._send(board, update.version, update.frame)
                    _log_pushed(board, update, sockets)
        finally:
            board.busy = False

    def _send(self, board: Board[Subscriber], version: int, frame: bytes) -> int:
        """Send the frame to the members that have an older version, and return their number."""
        members, count = list(board.members), 0
        rest = rest_between(len(members))
        for start in range(0, len(members), STRIDE):
            if start:
                let_others_work(rest)
            outbounds = []
            for subscriber in members[start : start + STRIDE]:
                # It may have left, or got a newer board, during the sends before.
                if subscriber.version < version and subscriber.board is board:
                    subscriber.version = version
                    outbounds.append(subscriber.outbound)
            offer_all(outbounds, frame)
            self.pushed += len(outbounds)
            count += len(outbounds)
        return count


def rest_between(sends: int) -> float:
    """Return the most seconds to rest after each STRIDE of this many sends."""
    return min(_MAX_REST, _MAX_TOTAL_REST * STRIDE / max(1, sends))


def let_others_work(seconds: float) -> None:
    """Wait until this process has no other work, at most these seconds."""
    with gevent.Timeout(seconds, exception=False):  # type: ignore[arg-type]  # False: end quietly
        gevent.idle()


def _log_pushed(board: Board[Subscriber], update: Update, sockets: int) -> None:
    """Log one line per broadcast, however many sockets it reached; `milliseconds` is the time of sending."""
    delay: dict[str, float] = {}
    if update.cause.committed_at is not None:
        seconds = max(0.0, time.time() - update.cause.committed_at)
        metrics.commit_to_push.observe(seconds)
        delay["since_commit"] = round(seconds * 1000, 1)
    log.info(
        "board_pushed",
        board=board.name,
        version=update.version,
        sockets=sockets,
        milliseconds=round((time.monotonic() - board.last_sent_at) * 1000, 1),
        **delay,
        request_ids=update.cause.request_ids,
    )


def _log_known(board: Board[Subscriber], cause: Cause) -> None:
    """Log requests whose change is in a board that was sent or is about to be: a reread came before their message."""
    if cause.request_ids and board.members:
        log.info("board_already_read", board=board.name, version=board.version, request_ids=cause.request_ids)
