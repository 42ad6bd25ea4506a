"""What this process holds, as the other servers may see it: its sockets in Redis, and its players on each board."""

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
from app.stores.boards.presence import of_address, of_player
from app.stores.postgres.engine import UNAVAILABLE
from app.ws.board import Board
from app.ws.hub import Hub
from app.ws.subscriber import Subscriber

log = structlog.get_logger("fairboard.ws")

_DOWN: tuple[type[Exception], ...] = (*UNAVAILABLE, Refusal)

_SLICE = 250  # sockets renewed at a time
_REST = 0.02  # seconds between two slices, for everything else in this process
_COUNT_SECONDS = 1.0  # between two looks at who is on the boards; the first who comes is counted at once
_RETRY_SECONDS = 0.2


class Seat:
    """One socket's place in the registers. `player_id` is whose it is there, None before it has subscribed."""

    __slots__ = ("address", "name", "player_id")

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address = name, address
        self.player_id: UUID | None = None

    def entries(self) -> list[tuple[str, str]]:
        """Where it is registered: key and name."""
        found = [(of_address(self.address), self.name)]
        if self.player_id is not None:
            found.append((of_player(self.player_id), self.name))
        return found


class PresenceReporter:
    """Taking a seat asks Redis at once, since it may be refused; leaving and renewing is done by `run`."""

    def __init__(self, hub: Hub, presence: Presence) -> None:
        self._hub, self._presence = hub, presence
        self._numbers = itertools.count(1)
        self._seats: set[Seat] = set()
        self._left: list[tuple[str, str]] = []  # key and name of those to take off
        self._told: dict[str, set[UUID]] = {}  # who is on which board, as Redis was told
        self._renew_at = time.monotonic() + presence.renew_seconds
        self._count_at = 0.0
        self._wake = gevent.event.Event()
        self._over = False

    @cached_property
    def server(self) -> str:
        """This process among all, at this start: made at the first use, which is after a server has forked."""
        return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"

    def arrive(self, address: str) -> Seat:
        """A socket from this address. Raises TooManySockets, and what Redis raises."""
        seat = Seat(f"{self.server}/{next(self._numbers)}", address)
        self._presence.seat_address(address, seat.name)
        self._seats.add(seat)
        return seat

    def sit(self, seat: Seat, player_id: UUID) -> None:
        """The socket is this player's from now on. Raises TooManySockets, and what Redis raises."""
        before = seat.player_id
        if before == player_id:
            return
        self._presence.seat_player(player_id, seat.name)
        seat.player_id = player_id
        self._wake.set()  # to be counted
        if before is not None:
            self._take_off([(of_player(before), seat.name)])

    def leave(self, seat: Seat) -> None:
        """The socket is gone."""
        self._seats.discard(seat)
        self._take_off(seat.entries())

    def renew_now(self) -> None:
        """Redis may have forgotten everything."""
        self._renew_at = 0.0
        self._wake.set()

    def run(self) -> None:
        """Never returns. While Redis is away what is to be said waits; there everything expires by itself."""
        while True:
            self._wake.wait(max(_RETRY_SECONDS, self._count_at - time.monotonic()))
            self._wake.clear()
            try:
                self._work()
            except _DOWN as error:
                log.warning("presence_skipped", kind=type(error).__name__)
            except Exception:  # a process that renews nothing would be thought dead
                log.exception("presence_failed")
            gevent.sleep(_REST)

    def close(self) -> None:
        """The server stops: nobody is here any more."""
        self._over = True
        for seat in tuple(self._seats):
            self.leave(seat)
        try:
            self._say_who_left()
            for name, players in self._told.items():
                self._presence.count(name, self.server, (), players)
        except _DOWN as error:
            log.warning("presence_skipped", kind=type(error).__name__)

    def _take_off(self, entries: Iterable[tuple[str, str]]) -> None:
        self._left.extend(entries)
        self._wake.set()

    def _work(self) -> None:
        self._say_who_left()
        now = time.monotonic()
        if self._over:
            return
        renewing = now >= self._renew_at
        if renewing or now >= self._count_at:
            self._count_at = now + _COUNT_SECONDS
            for board in self._hub.boards():
                self._count(board, everybody=renewing)
        if renewing:
            self._renew()
            self._renew_at = now + self._presence.renew_seconds

    def _say_who_left(self) -> None:
        while self._left:
            batch, self._left = self._left[:_SLICE], self._left[_SLICE:]
            try:
                self._presence.leave(_by_key(batch))
            except BaseException:
                self._left = batch + self._left
                raise

    def _count(self, board: Board[Subscriber], *, everybody: bool) -> None:
        here, told = set(board.players), self._told.get(board.name, set())
        if here or told:
            arrived = here if everybody else here - told
            board.online = self._presence.count(board.name, self.server, arrived, told - here)
            self._told[board.name] = here

    def _renew(self) -> None:
        seats = list(self._seats)
        for start in range(0, 0 if self._over else len(seats), _SLICE):
            present = [seat for seat in seats[start : start + _SLICE] if seat in self._seats]
            self._presence.stay(_by_key(entry for seat in present for entry in seat.entries()))
            self._say_who_left()  # now: the renewal may have crossed a leave, and brought somebody back
            gevent.sleep(_REST)


def _by_key(entries: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for key, name in entries:
        found[key].append(name)
    return found
