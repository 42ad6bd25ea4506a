"""Reading one socket: its handler's greenlet lives here from the handshake to the end."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import gevent
import gevent.socket
import structlog

from app.errors import NotFound, Refusal, TooManyMessages
from app.http.failures import status_of
from app.ws import frames, messages
from app.ws.allowance import Allowance
from app.ws.hub import Hub
from app.ws.inbox import Binary, Broken, Close, Event, Fragment, Inbox, Ping, Text
from app.ws.messages import BoardSnapshot, Subscribe, Unreadable
from app.ws.subscriber import SignIn, Subscriber

log = structlog.get_logger("fairboard.ws")

_RECV_BYTES = 1024  # one turn: at most 170 frames, 3 ms, until the others get theirs
_MOST_BACKLOG = 16  # frames owed to a client that keeps asking without reading; beyond, it is not read either
_ASK_PAUSE = 0.05  # seconds between two subscribes of one socket: each asks the stores
_CLOSING_PAUSE = 0.05  # seconds between two reads of a socket that is being closed
_SLICE = 1.0  # seconds after which a long pause looks whether the socket is being closed
_WASTE = bytearray(1 << 18)  # what nobody will look at is read into this


@dataclass(frozen=True, slots=True)
class Admission:
    """A subscribe that was let in, with a snapshot of the board read for it."""

    who: SignIn
    snapshot: BoardSnapshot


Admit = Callable[[str | None, str], Admission]


class Reader:
    """What one client says, and what follows from it. Writes nothing itself: `subscriber.outbound` does."""

    __slots__ = ("_admit", "_allowance", "_hub", "_inbox", "_ping_seconds", "_subscriber")

    def __init__(
        self, hub: Hub, subscriber: Subscriber, admit: Admit, allowance: Allowance, *, ping_seconds: float
    ) -> None:
        """`admit(auth, board)` may wait; it raises a Refusal."""
        self._hub, self._subscriber, self._admit = hub, subscriber, admit
        self._allowance, self._ping_seconds = allowance, ping_seconds
        self._inbox = Inbox()

    def read(self, sock: socket.socket) -> None:
        """Until the client, the network or the server has ended the connection."""
        outbound = self._subscriber.outbound
        while not outbound.gone:
            gevent.socket.wait_read(sock.fileno())  # first: a client that never stops sending gets one turn at a time
            if not (self._waste(sock) if self._inbox.is_shut else self._hear_all(sock)):
                return
            self._allowance.count_read()
            self._rest(self._allowance.pause)
            while outbound.backlog > _MOST_BACKLOG:
                gevent.sleep(_ASK_PAUSE)

    def _hear_all(self, sock: socket.socket) -> bool:
        # Apart from `read`, so that nothing of a message stays in memory while the next one is waited for.
        try:
            data = sock.recv(_RECV_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return bool(data) and all(self.hear(event) for event in self._inbox.feed(data))

    def _waste(self, sock: socket.socket) -> bool:
        """Throw away what a client sends after the end, so that it can send on and come to read why it was closed."""
        try:
            return bool(sock.recv_into(_WASTE))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _rest(self, seconds: float) -> None:
        """Leave the socket unread: the client's own system stops it once the buffers are full."""
        outbound = self._subscriber.outbound
        until = time.monotonic() + seconds
        while not outbound.closing and (left := until - time.monotonic()) > 0:
            gevent.sleep(min(left, _SLICE))
        if outbound.closing:
            gevent.sleep(min(max(seconds, _CLOSING_PAUSE), _SLICE))

    def hear(self, event: Event) -> bool:
        """One event; False once the client has closed and nothing more will come."""
        self._hub.heard += 1
        if not self._may_send(event):
            self._end_flood()
            return True
        return self._follow(event)

    def _may_send(self, event: Event) -> bool:
        if isinstance(event, Close | Broken):
            return True  # the last one anyway
        return self._allowance.fragment() if isinstance(event, Fragment) else self._allowance.message()

    def _end_flood(self) -> None:
        self._inbox.shut()
        if not self._subscriber.outbound.closing:
            self._hub.closed_flood += 1
            self._subscriber.refuse(TooManyMessages())

    def _follow(self, event: Event) -> bool:
        outbound = self._subscriber.outbound
        match event:
            case Close(code):
                outbound.close(code)  # the echo, unless it is the echo of ours
                return False
            case Broken(code, reason):
                outbound.close(code, reason)
            case Ping(payload):
                outbound.say(frames.pong(payload))
            case Binary():
                self._refuse_message("invalid_request", "Messages are JSON text.")
            case Text(payload) if not outbound.closing:
                self._take(payload)
        return True

    def _take(self, payload: bytes) -> None:
        message = messages.parse(payload)
        if isinstance(message, Subscribe):
            self._subscribe(message)
        elif isinstance(message, Unreadable):
            self._refuse_message(message.code, message.reason)
        elif self._subscriber.unanswered:  # a pong, and the answer to our ping
            self._subscriber.unanswered = 0
            self._allowance.expected()

    def _subscribe(self, message: Subscribe) -> None:
        subscriber = self._subscriber
        again = subscriber.board is not None
        if again:
            self._rest(max(_ASK_PAUSE, self._allowance.pause))
        self._allowance.count_subscribe()
        subscriber.subscribe_by_at = math.inf  # it has asked in time, however long the stores take
        try:
            admission = self._admitted(message)
        except Refusal as refusal:
            log.info("subscribe_refused", code=refusal.code)
            subscriber.refuse(refusal, _close_code(refusal, again))
            return
        if subscriber.outbound.closing:
            return
        if not again:
            subscriber.ping_at = time.monotonic() + self._ping_seconds
        self._hub.join(subscriber, admission.who, admission.snapshot)

    def _admitted(self, message: Subscribe) -> Admission:
        if not message.board.isprintable() or len(message.board) > 64:
            raise NotFound("There is no such board.")  # and no store need be asked for it
        return self._admit(message.auth, message.board)

    def _refuse_message(self, code: str, reason: str) -> None:
        self._subscriber.unreadable += 1
        self._subscriber.outbound.say(messages.error(400, code, reason))
        if self._subscriber.unreadable >= 3:
            self._subscriber.outbound.close(frames.POLICY, "three unreadable messages")


def _close_code(refusal: Refusal, again: bool) -> int | None:
    if status_of(refusal) < 500:
        return frames.POLICY
    # A part is down. Who listens already keeps what it has; who does not comes back later.
    return None if again else frames.TRY_LATER
