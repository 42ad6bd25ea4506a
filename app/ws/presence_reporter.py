"""The presence of this process as other servers see it: its sockets in Redis, and its players on each board."""

from __future__ import annotations

import itertools
import os
import secrets
import socket
import time
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from uuid import UUID

import gevent
import gevent.event
import structlog

from app.errors import Refusal
from app.services.boards.presence import Presence
from app.stores.boards.presence import address_key, player_key, watchers_key
from app.stores.postgres.engine import UNAVAILABLE
from app.ws.board import Board
from app.ws.hub import Hub
from app.ws.subscriber import Subscriber

log = structlog.get_logger("fairboard.ws")

_DOWN: tuple[type[Exception], ...] = (*UNAVAILABLE, Refusal)

_SLICE = 250  # sockets renewed at a time
_REST = 0.02  # seconds between two slices, for the other work of this process
_COUNT_SECONDS = 1.0  # seconds between two counts of the boards' players; the first player is counted at once
_RETRY_SECONDS = 0.2


class Seat:
    """One socket's place in the registers.

    `audience_key` is the key of its second entry: that of its player, or of its address's sockets without an account;
    None before it has subscribed.
    """

    __slots__ = ("address", "audience_key", "name")

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address = name, address
        self.audience_key: str | None = None

    def entries(self) -> list[tuple[str, str]]:
        """Return the register's entries of this socket as pairs of key and name."""
        pairs = [(address_key(self.address), self.name)]
        if self.audience_key is not None:
            pairs.append((self.audience_key, self.name))
        return pairs


class PresenceReporter:
    """The reporter of seats and players to Redis. It takes seats at once, as Redis may refuse; `run` does the rest."""

    def __init__(self, hub: Hub, presence: Presence) -> None:
        self._hub, self._presence = hub, presence
        self._numbers = itertools.count(1)
        self._seats: set[Seat] = set()
        self._departures: list[tuple[str, str]] = []  # entries to remove: key and name
        self._reported: dict[str, set[UUID]] = {}  # players of each board, as last reported
        self._renew_at = time.monotonic() + presence.renew_seconds
        self._count_at = 0.0
        self._wake = gevent.event.Event()
        self._is_closed = False

    @cached_property
    def server(self) -> str:
        """Return this process's name for this start. It is made at the first use, after a server has forked."""
        return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"

    def arrive(self, address: str) -> Seat:
        """Register a socket from this address, and return its seat. Raises TooManySockets and the errors of Redis."""
        seat = Seat(f"{self.server}/{next(self._numbers)}", address)
        self._presence.register_address(address, seat.name)
        self._seats.add(seat)
        return seat

    def seat_player(self, seat: Seat, player_id: UUID) -> None:
        """Register the socket for this player from now on. Raises TooManySockets and the errors of Redis."""
        key = player_key(player_id)
        if seat.audience_key != key:
            self._presence.register_player(player_id, seat.name)
            self._move(seat, key)

    def seat_watcher(self, seat: Seat) -> None:
        """Register the socket as one without an account from now on. Raises TooManySockets and the errors of Redis."""
        key = watchers_key(seat.address)
        if seat.audience_key != key:
            self._presence.register_watcher(seat.address, seat.name)
            self._move(seat, key)

    def leave(self, seat: Seat) -> None:
        """Queue the removal of a closed socket's entries."""
        self._seats.discard(seat)
        self._queue_departures(seat.entries())

    def renew_now(self) -> None:
        """Renew all entries soon: Redis may have lost them."""
        self._renew_at = 0.0
        self._wake.set()

    def run(self) -> None:
        """Report for ever. While Redis is away the reports wait; the entries in Redis expire without them."""
        while True:
            self._wake.wait(max(_RETRY_SECONDS, self._count_at - time.monotonic()))
            self._wake.clear()
            try:
                self._work()
            except _DOWN as error:
                log.warning("presence_skipped", kind=type(error).__name__)
            except Exception:  # a process without renewals would count as dead
                log.exception("presence_failed")
            gevent.sleep(_REST)

    def close(self) -> None:
        """Remove all seats and players of this process, since the server stops."""
        self._is_closed = True
        for seat in tuple(self._seats):
            self.leave(seat)
        try:
            self._send_departures()
            for name, players in self._reported.items():
                self._presence.count(name, self.server, (), players)
        except _DOWN as error:
            log.warning("presence_skipped", kind=type(error).__name__)

    def _move(self, seat: Seat, audience_key: str) -> None:
        previous_key, seat.audience_key = seat.audience_key, audience_key
        self._wake.set()  # to count the player
        if previous_key is not None:
            self._queue_departures([(previous_key, seat.name)])

    def _queue_departures(self, entries: Iterable[tuple[str, str]]) -> None:
        self._departures.extend(entries)
        self._wake.set()

    def _work(self) -> None:
        self._send_departures()
        now = time.monotonic()
        if self._is_closed:
            return
        is_renewal = now >= self._renew_at
        if is_renewal or now >= self._count_at:
            self._count_at = now + _COUNT_SECONDS
            for board in self._hub.boards():
                self._count(board, is_renewal=is_renewal)
        if is_renewal:
            self._renew()
            self._renew_at = now + self._presence.renew_seconds

    def _send_departures(self) -> None:
        while self._departures:
            batch, self._departures = self._departures[:_SLICE], self._departures[_SLICE:]
            try:
                self._presence.remove(_by_key(batch))
            except BaseException:
                self._departures = batch + self._departures
                raise

    def _count(self, board: Board[Subscriber], *, is_renewal: bool) -> None:
        players, reported = set(board.players), self._reported.get(board.name, set())
        if board.members or reported:  # a member without an account is told of the players on other servers too
            arrived = players if is_renewal else players - reported
            board.online = self._presence.count(board.name, self.server, arrived, reported - players)
            self._reported[board.name] = players
        else:
            board.online = 0  # not counted any more: an old number would be told to the next member

    def _renew(self) -> None:
        seats = list(self._seats)
        for start in range(0, 0 if self._is_closed else len(seats), _SLICE):
            batch = [seat for seat in seats[start : start + _SLICE] if seat in self._seats]
            self._presence.renew(_by_key(entry for seat in batch for entry in seat.entries()))
            self._send_departures()  # at once: the renewal may have restored an entry that was just removed
            gevent.sleep(_REST)


def _by_key(entries: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    names_by_key: defaultdict[str, list[str]] = defaultdict(list)
    for key, name in entries:
        names_by_key[key].append(name)
    return names_by_key
