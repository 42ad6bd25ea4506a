"""The timed checks of sockets: deadlines, pings, expired tokens, slow readers, and ended sign-ins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from app.errors import Unauthorized
from app.settings import Settings
from app.ws import frames, messages
from app.ws.hub import Hub
from app.ws.subscriber import Subscriber

CLOSE_SECONDS = 3.0  # for the client's half of the closing handshake
SLOW_CLOSE_SECONDS = 10.0  # for a stalled reader to reach the close frame behind its unread frames
_CHUNK = 500  # sign-ins per query

FindUnentitled = Callable[[str, Iterable[UUID | None]], Sequence[UUID | None]]
States = Callable[[list[tuple[UUID, UUID]]], Sequence[str]]


class Heartbeat:
    """Two passes over all sockets of a hub: `tick` is local and cheap, `sweep` queries the stores."""

    def __init__(self, hub: Hub, settings: Settings, clock: Callable[[], float]) -> None:
        """Take a `clock` that returns Unix time in seconds, by which tokens expire."""
        self._hub, self._settings, self._clock = hub, settings, clock
        shortest = min(settings.ping_seconds, settings.subscribe_seconds, settings.slow_seconds)
        self.tick_seconds = min(0.5, shortest / 4)
        # Half a ping interval, so that a lost control message costs less than one heartbeat.
        self.sweep_seconds = settings.ping_seconds / 2

    def tick(self) -> None:
        """Do the work that is due on every socket."""
        now, wall = time.monotonic(), self._clock()
        ping = messages.ping(wall)
        for subscriber in tuple(self._hub.sockets):
            if subscriber.outbound.is_closing:
                self._linger(subscriber, now)
            elif subscriber.outbound.stuck_for(now) > self._settings.slow_seconds:
                self._hub.dropped_slow += 1
                subscriber.outbound.close(frames.SLOW, "too slow")
                subscriber.drop_at = now + SLOW_CLOSE_SECONDS
            elif subscriber.board is None:
                if now >= subscriber.subscribe_by_at:
                    subscriber.refuse(Unauthorized("Send a subscribe or a watch message first."))
            elif subscriber.sign_in and wall >= subscriber.sign_in.expires_at:
                subscriber.refuse(Unauthorized("The access token has expired. Get a new one and subscribe."))
            elif now >= subscriber.ping_at:
                self._ping(subscriber, now, ping)

    def sweep(self, states: States) -> None:
        """End the sockets of players and logins that `states` says are suspended or ended."""
        pairs: dict[tuple[UUID, UUID], None] = {}
        for subscriber in self._hub.sockets:
            if subscriber.sign_in and not subscriber.outbound.is_closing:
                pairs[subscriber.sign_in.player_id, subscriber.sign_in.login_id] = None
        keys = list(pairs)
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            for (player_id, login_id), state in zip(chunk, states(chunk), strict=True):
                if state == "suspended":
                    self._hub.end_player(player_id)
                elif state == "ended":
                    self._hub.end_login(login_id)

    def sweep_boards(self, find_unentitled: FindUnentitled) -> None:
        """End the sockets that may not see their board any more, such as one that is no longer public.

        `find_unentitled` returns those of the players, and of None for a socket without one, that may not see a board.
        """
        for board in self._hub.boards():
            if board.members:
                self._hub.end_unentitled(board.name, find_unentitled(board.name, [*board.players, None]))

    def _linger(self, subscriber: Subscriber, now: float) -> None:
        if not subscriber.drop_at:
            subscriber.drop_at = now + CLOSE_SECONDS
        elif now >= subscriber.drop_at:
            subscriber.outbound.drop()

    def _ping(self, subscriber: Subscriber, now: float, ping: bytes) -> None:
        if subscriber.outbound.backlog:
            return  # it can't read a ping now; a stalled reader has a deadline of its own
        if subscriber.unanswered_pings >= 2:
            subscriber.outbound.close(frames.SILENT, "two pings unanswered")
            return
        subscriber.unanswered_pings += 1
        subscriber.ping_at = now + self._settings.ping_seconds
        subscriber.outbound.send(ping)
