"""The push tier of one process: its hub, its sockets, and the greenlets that feed it and keep time."""

from __future__ import annotations

import _socket
import contextlib
import math
import socket
import time
from collections.abc import Callable, Iterable
from uuid import UUID

import gevent
import gevent.event
import structlog
from flask import Flask

from app import metrics
from app.containers.container import Container
from app.domain.api_keys import PREFIX as API_KEY_PREFIX
from app.errors import NotFound, Refusal, Unauthorized, Unavailable
from app.http.identity import identity_of
from app.services.boards.board_views import no_board
from app.stores.postgres.engine import UNAVAILABLE
from app.ws import frames
from app.ws.allowance import Allowances
from app.ws.arrival import Arrival, Place
from app.ws.feed import Feed
from app.ws.heartbeat import Heartbeat
from app.ws.hub import Hub
from app.ws.messages import Subscribe, Watch
from app.ws.outbound import Outbound
from app.ws.own_updates import OwnUpdates
from app.ws.presence_reporter import PresenceReporter, Seat
from app.ws.reader import BoardAdmission, Reader
from app.ws.subscriber import SignIn, Subscriber
from app.ws.turns import Turns

log = structlog.get_logger("fairboard.ws")

_DOWN: tuple[type[Exception], ...] = (*UNAVAILABLE, Refusal)

_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)  # named since Python 3.12; 25 is Linux's number
_NOTSENT_BYTES = 4096  # so a slow reader gets about ten stale boards before the newest, not thousands


class Tier:
    """The push tier. It starts no greenlet before the first socket: a server forks after it has built its app."""

    def __init__(self, app: Flask) -> None:
        container: Container = app.extensions["fairboard"]
        settings = container.settings
        self.hub = Hub(merge_seconds=settings.broadcast_seconds)
        self.stopping: Callable[[], bool] = lambda: False
        """Called at every tick; once it returns True, every client is closed with 1012. A server's hook sets it."""
        self.keep_place: Callable[[], Place | None] = lambda: None
        """Called in a handshake's greenlet. A server's hook sets it, to count the socket until it has ended."""
        self.most_sockets = math.inf
        """The sockets that this process may hold. A server's hook sets it."""
        self._app, self._container = app, container
        self._turns = Turns(self._end)
        self._heartbeat = Heartbeat(self.hub, settings, container.clock)
        self._sweep_now = gevent.event.Event()
        self._reporter = PresenceReporter(self.hub, container.presence)
        self._feed = Feed(container.subscription, container.standings.snapshot, self.hub, on_missed=self._recover)
        own = container.own_standings
        self._own_updates = OwnUpdates(self.hub, own.read, own.change_counts)
        self._allowances = Allowances(settings)
        self._running = False
        self._counted = 0, 0, 0, 0  # the hub's numbers that the metrics have

    def arrive(self, address: str) -> Seat:
        """Return a seat for a socket from this address, for `serve` or `leave`. Raises Unavailable, TooManySockets."""
        if self.hub.is_closing:
            raise Unavailable("This server is shutting down. Connect again.")
        if len(self.hub.sockets) >= self.most_sockets:
            raise Unavailable("This server holds as many sockets as it can. Connect again.")
        return self._reporter.arrive(address)

    def leave(self, seat: Seat) -> None:
        """Release the seat of a failed handshake."""
        self._reporter.leave(seat)

    def close_all(self) -> None:
        """Close every client with 1012, and remove this process's seats and players: the server stops at once."""
        self.hub.close_all()
        gevent.spawn(self._reporter.close)

    def _close_in_order(self) -> None:
        # Clear the register first: the process exits with its last client.
        self.hub.is_closing = True
        self._reporter.close()
        self.hub.close_all()

    def serve(self, sock: socket.socket, arrival: Arrival) -> None:
        """Take over a client's socket after the handshake, and talk to the client until the connection has ended.

        The call returns at once; the caller's `sock` is detached, and its descriptor is closed here.
        """
        self._start()
        own = _socket.socket(sock.family, sock.type, sock.proto, sock.detach())
        _prepare(own)
        settings = self._container.settings
        subscriber = Subscriber(Outbound(own), subscribe_by_at=time.monotonic() + settings.subscribe_seconds)
        allowance = self._allowances.for_address(arrival.seat.address)
        arrival.place = self.keep_place()
        reader = Reader(self.hub, subscriber, own, arrival, self._admit, allowance, ping_seconds=settings.ping_seconds)
        self.hub.add(subscriber)
        if self.hub.is_closing:  # the shutdown began after `arrive`
            subscriber.outbound.close(frames.RESTART, "service restart")
        self._turns.add(reader)

    def _end(self, reader: Reader) -> None:
        self.hub.remove(reader.subscriber)
        self._reporter.leave(reader.arrival.seat)
        if reader.arrival.place is not None:
            reader.arrival.place.give_up()

    def _admit(self, arrival: Arrival, message: Subscribe | Watch) -> BoardAdmission:
        if isinstance(message, Watch) and not self._container.settings.anonymous_sockets:
            raise Unauthorized("This server has no boards for sockets without an account. Subscribe with a token.")
        try:
            sign_in = None if isinstance(message, Watch) else self._sign_in(arrival, message.auth)
            player_id = sign_in.player_id if sign_in else None
            if sign_in is not None:
                self._container.sessions.check(sign_in.player_id, sign_in.login_id)
            if self._find_unentitled(message.board, [player_id]):
                raise no_board(message.board)
            snapshot = self._feed.read_settled(message.board)
            if player_id is None:
                self._reporter.seat_watcher(arrival.seat)
            else:
                self._reporter.seat_player(arrival.seat, player_id)
        except UNAVAILABLE as error:
            raise Unavailable() from error
        return BoardAdmission(sign_in, snapshot)

    def _sign_in(self, arrival: Arrival, auth: str | None) -> SignIn:
        """Return the sign-in of a message's `auth`. Raises Unauthorized."""
        token = _token_in(auth)
        with arrival.context(self._app):
            identity = identity_of(f"Bearer {token}")
        return SignIn(identity.player_id, identity.login_id, identity.expires_at)

    def _find_unentitled(self, board: str, players: Iterable[UUID | None]) -> list[UUID | None]:
        """Return those of the players that may not see the board, which is then neither public nor theirs as admins.

        None is a socket without a player.
        """
        try:
            self._container.board_views.view(board)
        except NotFound:
            accounts = self._container.accounts
            return [player_id for player_id in players if player_id is None or accounts.role(player_id) != "admin"]
        return []

    def _start(self) -> None:
        if self._running:
            return
        self._running = True
        for task in (
            self._feed.run,
            self._own_updates.run,
            self._keep_time,
            self._keep_sweeping,
            self._reporter.run,
        ):
            gevent.spawn(task)

    def _keep_time(self) -> None:
        while True:
            gevent.sleep(self._heartbeat.tick_seconds)
            try:
                if self.stopping() and not self.hub.is_closing:
                    self._close_in_order()
                self._heartbeat.tick()
                self._count()
            except Exception:  # a process without a heartbeat would keep the sockets of suspended players
                log.exception("heartbeat_failed")

    def _count(self) -> None:
        """Add the hub's numbers to the metrics, once a tick, so that counting costs a push nothing."""
        hub = self.hub
        metrics.sockets.set(len(hub.sockets))
        numbers = hub.pushed, hub.dropped_slow, hub.frames_read, hub.closed_flood
        counters = metrics.pushed, metrics.slow_closed, metrics.socket_frames, metrics.flood_closed
        for counter, number, counted in zip(counters, numbers, self._counted, strict=True):
            counter.inc(number - counted)
        self._counted = numbers

    def _recover(self) -> None:
        """Renew and sweep now: Redis was away or was replaced, so its messages are lost and its data may be."""
        self._sweep_now.set()
        self._reporter.renew_now()

    def _keep_sweeping(self) -> None:
        while True:
            self._sweep_now.wait(self._heartbeat.sweep_seconds)
            self._sweep_now.clear()
            try:
                self._heartbeat.sweep(self._container.sessions.states)
                self._heartbeat.sweep_boards(self._find_unentitled)
            except _DOWN as error:  # no socket is ended because a store did not answer
                log.warning("sweep_skipped", kind=type(error).__name__)
            except Exception:
                log.exception("sweep_failed")


def _prepare(sock: _socket.socket) -> None:
    sock.setblocking(False)
    with contextlib.suppress(OSError):  # a Unix socket, as behind a proxy on the same machine, has neither option
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, _NOTSENT_BYTES)


def _token_in(auth: str | None) -> str:
    """Return the token in a message's `auth`, with or without `Bearer `.

    Raises Unauthorized, which says in terms of that field what to send, if it can have none.
    """
    scheme, _, token = (auth or "").strip().partition(" ")
    if not scheme:
        raise Unauthorized("The message has no 'auth'. Send 'auth': 'Bearer <access token>' with it.")
    if scheme.lower() != "bearer":
        if token or not _looks_like_token(scheme):
            raise Unauthorized("'auth' is no access token. Send 'auth': 'Bearer <access token>'.")
        return scheme
    if not token.strip():
        raise Unauthorized("'auth' has no access token after 'Bearer '. Send 'auth': 'Bearer <access token>'.")
    return token.strip()


def _looks_like_token(text: str) -> bool:
    """Return whether the text has the form of a JWT, or is an API key, which has an error of its own."""
    return text.count(".") == 2 or text.startswith(API_KEY_PREFIX)
