"""The reader of one socket: its turns, from the handshake to the end."""

from __future__ import annotations

import _socket
import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gevent
import structlog

from app.errors import NotFound, Refusal, TooManyMessages
from app.http.failures import status_of
from app.services.boards.standings import BoardSnapshot
from app.ws import frames, messages
from app.ws.allowance import Allowance
from app.ws.arrival import Arrival
from app.ws.hub import Hub
from app.ws.inbox import Binary, Broken, Close, Event, Fragment, Inbox, Ping, Text
from app.ws.messages import Subscribe, Unreadable, Watch
from app.ws.subscriber import SignIn, Subscriber

if TYPE_CHECKING:
    from gevent._types import _IoWatcher

log = structlog.get_logger("fairboard.ws")

_READABLE = 1
_RECV_BYTES = 1024  # bytes per turn: at most 170 frames, 3 ms, before other sockets get their turn
_MAX_BACKLOG = 16  # frames owed to a client that sends without reading; beyond this, it is not read either
_SUBSCRIBE_PAUSE = 0.05  # seconds between two subscribes of one socket: each queries the stores
_CLOSING_PAUSE = 0.05  # seconds between two reads of a socket that is being closed
_SLICE = 1.0  # seconds between two checks, in a long pause, whether the socket is being closed
_WASTE = bytearray(1 << 18)  # a buffer for data that is discarded


@dataclass(frozen=True, slots=True)
class BoardAdmission:
    """An admitted subscribe, or a watch without a sign-in, with a snapshot of the board read for it."""

    sign_in: SignIn | None
    snapshot: BoardSnapshot


Admit = Callable[[Arrival, Subscribe | Watch], BoardAdmission]


# A turn yields the seconds for which to leave the socket unread, or MAY_BLOCK before work that may block; it returns
# whether the socket goes on.
Turn = Generator[float, None, bool]
MAY_BLOCK = -1.0


class Reader:
    """The conversation with one client: its messages and their effects. Only `outbound` writes."""

    __slots__ = ("_admit", "_allowance", "_hub", "_inbox", "_ping_seconds", "_sock", "arrival", "subscriber", "watcher")

    def __init__(
        self,
        hub: Hub,
        subscriber: Subscriber,
        sock: _socket.socket,
        arrival: Arrival,
        admit: Admit,
        allowance: Allowance,
        *,
        ping_seconds: float,
    ) -> None:
        """Take a non-blocking `sock`, and `admit`, which may block and raises a Refusal."""
        self._hub, self.subscriber, self._sock = hub, subscriber, sock
        self.arrival, self._admit = arrival, admit
        self._allowance, self._ping_seconds = allowance, ping_seconds
        self._inbox = Inbox()
        self.watcher: _IoWatcher = gevent.get_hub().loop.io(sock.fileno(), _READABLE)

    def end(self) -> None:
        """Let go of the socket, and close it."""
        self.watcher.stop()
        self.watcher.close()
        self.subscriber.outbound.release()  # before the descriptor's number can belong to another connection
        self._sock.close()

    def turn(self) -> Turn:
        """Read once what has arrived, and handle it. The socket is left unread until the turn has ended."""
        outbound = self.subscriber.outbound
        if outbound.is_released:
            return False
        is_open = self._discard() if self._inbox.is_shut else (yield from self._read_events())
        if not is_open:
            return False
        self._allowance.count_read()
        yield from self._rest(self._allowance.pause)
        while outbound.backlog > _MAX_BACKLOG:
            yield _SUBSCRIBE_PAUSE
        return not outbound.is_released

    def _read_events(self) -> Turn:
        try:
            data = self._sock.recv(_RECV_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        for event in self._inbox.feed(data):
            outcome = self.handle(event)
            if isinstance(outcome, Subscribe | Watch):
                yield from self._subscribe(outcome)
            elif not outcome:
                return False
        return True

    def _discard(self) -> bool:
        """Drop a client's data after the end, so that it can finish sending and read the reason of the close."""
        try:
            return bool(self._sock.recv_into(_WASTE))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _rest(self, seconds: float) -> Generator[float, None, None]:
        """Leave the socket unread: the client's own system stops it once the buffers are full."""
        outbound = self.subscriber.outbound
        until = time.monotonic() + seconds
        while not outbound.is_closing and (remaining := until - time.monotonic()) > 0:
            yield min(remaining, _SLICE)
        if outbound.is_closing:
            yield min(max(seconds, _CLOSING_PAUSE), _SLICE)

    def handle(self, event: Event) -> bool | Subscribe | Watch:
        """Handle one event. Return a message that is still to be handled, as it may block.

        Return False once the client has closed and no event can follow.
        """
        self._hub.frames_read += 1
        if not self._may_send(event):
            self._end_flood()
            return True
        return self._handle(event)

    def _may_send(self, event: Event) -> bool:
        if isinstance(event, Close | Broken):
            return True  # it is the last event anyway
        return self._allowance.count_fragment() if isinstance(event, Fragment) else self._allowance.count_message()

    def _end_flood(self) -> None:
        self._inbox.shut()
        if not self.subscriber.outbound.is_closing:
            self._hub.closed_flood += 1
            self.subscriber.refuse(TooManyMessages())

    def _handle(self, event: Event) -> bool | Subscribe | Watch:
        outbound = self.subscriber.outbound
        match event:
            case Close(code):
                outbound.close(code)  # this echoes the client's close, unless that was the echo of ours
                return False
            case Broken(code, reason):
                outbound.close(code, reason)
            case Ping(payload):
                outbound.send(frames.pong(payload))
            case Binary():
                self._refuse_message("invalid_request", "Messages are JSON text.")
            case Text(payload) if not outbound.is_closing:
                return self._handle_text(payload)
        return True

    def _handle_text(self, payload: bytes) -> bool | Subscribe | Watch:
        message = messages.parse(payload)
        if isinstance(message, Subscribe | Watch):
            return message
        if isinstance(message, Unreadable):
            self._refuse_message(message.code, message.reason)
        elif self.subscriber.unanswered_pings:  # a pong that answers our ping
            self.subscriber.unanswered_pings = 0
            self._allowance.refund()
        return True

    def _subscribe(self, message: Subscribe | Watch) -> Generator[float, None, None]:
        subscriber = self.subscriber
        is_repeated = subscriber.board is not None
        if is_repeated:
            yield from self._rest(max(_SUBSCRIBE_PAUSE, self._allowance.pause))
        self._allowance.count_subscribe()
        subscriber.subscribe_by_at = math.inf  # the subscribe came in time, however long the stores take
        yield MAY_BLOCK
        try:
            admission = self._request_admission(message)
        except Refusal as refusal:
            log.info("subscribe_refused", code=refusal.code)
            subscriber.refuse(refusal, _close_code(refusal, is_repeated))
            return
        if subscriber.outbound.is_closing:
            return
        if not is_repeated:
            subscriber.ping_at = time.monotonic() + self._ping_seconds
        me = isinstance(message, Subscribe) and message.me
        self._hub.join(subscriber, admission.sign_in, admission.snapshot, me=me)

    def _request_admission(self, message: Subscribe | Watch) -> BoardAdmission:
        if not message.board.isprintable() or len(message.board) > 64:
            raise NotFound("There is no such board.")  # without a query to a store
        return self._admit(self.arrival, message)

    def _refuse_message(self, code: str, reason: str) -> None:
        self.subscriber.unreadable += 1
        self.subscriber.outbound.send(messages.error(400, code, reason))
        if self.subscriber.unreadable >= 3:
            self.subscriber.outbound.close(frames.POLICY, "three unreadable messages")


def _close_code(refusal: Refusal, is_repeated: bool) -> int | None:
    if status_of(refusal) < 500:
        return frames.POLICY
    # A part is down. A client that has a board keeps it; a client without one comes back later.
    return None if is_repeated else frames.TRY_LATER
