"""Reading one socket: its handler's greenlet lives here from the handshake to the end."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import gevent
import gevent.socket
import structlog

from app.errors import NotFound, Refusal
from app.http.failures import status_of
from app.ws import frames, messages
from app.ws.hub import Hub
from app.ws.inbox import Binary, Broken, Close, Event, Inbox, Ping, Text
from app.ws.messages import Snapshot, Subscribe, Unreadable
from app.ws.subscriber import SignIn, Subscriber

log = structlog.get_logger("fairboard.ws")

_RECV_BYTES = 4096
_MOST_BACKLOG = 16  # frames owed to a client that keeps asking without reading; beyond, it is not read either
_ASK_PAUSE = 0.05  # seconds between two subscribes of one socket: each asks the stores


@dataclass(frozen=True, slots=True)
class Admission:
    """A subscribe that was let in, with a snapshot of the board read for it."""

    who: SignIn
    snapshot: Snapshot


Admit = Callable[[str | None, str], Admission]


class Conversation:
    """What one client says, and what follows from it. Writes nothing itself: `subscriber.outbound` does."""

    __slots__ = ("_admit", "_hub", "_inbox", "_ping_seconds", "_subscriber")

    def __init__(self, hub: Hub, subscriber: Subscriber, admit: Admit, *, ping_seconds: float) -> None:
        """`admit(auth, board)` may wait; it raises a Refusal."""
        self._hub, self._subscriber, self._admit = hub, subscriber, admit
        self._ping_seconds = ping_seconds
        self._inbox = Inbox()

    def read(self, sock: socket.socket) -> None:
        """Until the client, the network or the server has ended the connection."""
        outbound = self._subscriber.outbound
        while not outbound.gone:
            gevent.socket.wait_read(sock.fileno())  # first, so that who never stops sending only gets a turn
            if not self._hear_all(sock):
                return
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

    def hear(self, event: Event) -> bool:
        """One event; False once the client has closed and nothing more will come."""
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
        else:
            self._subscriber.unanswered = 0

    def _subscribe(self, message: Subscribe) -> None:
        subscriber = self._subscriber
        again = subscriber.board is not None
        if again:
            gevent.sleep(_ASK_PAUSE)
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
