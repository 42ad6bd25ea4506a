"""Subscribers of a hub, each with a real pair of sockets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import gevent
import pytest
from gevent.event import AsyncResult

from app.domain.boards import StandingRow
from app.errors import AccountSuspended, NotFound, Refusal, Unauthorized, Unavailable
from app.services.boards.standings import BoardSnapshot
from app.ws.allowance import Allowance, Bucket
from app.ws.arrival import Arrival
from app.ws.hub import Hub
from app.ws.messages import Subscribe, Watch
from app.ws.outbound import Outbound
from app.ws.presence_reporter import Seat
from app.ws.reader import BoardAdmission, Reader
from app.ws.subscriber import SignIn, Subscriber
from app.ws.turns import Turns
from tests.parts.wire import Wire

FAR = 1e12  # Unix time at which no token of a test expires
BURST = 30
REFUSALS: dict[str, Refusal] = {
    "bad": Unauthorized(),
    "suspended": AccountSuspended(),
    "unknown": NotFound(),
    "down": Unavailable(),
}


class Guest:
    """A subscriber and the client at the other end."""

    def __init__(self, hub: Hub, *, send_buffer: int | None = None) -> None:
        self.wire = Wire(send_buffer=send_buffer)
        self.hub = hub
        self.subscriber = Subscriber(Outbound(self.wire.server), subscribe_by_at=time.monotonic() + 60)
        hub.add(self.subscriber)

    def join(
        self,
        version: int = 0,
        *,
        board: str = "main",
        player: UUID | None = None,
        login: UUID | None = None,
        expires_at: float = FAR,
        me: bool = False,
    ) -> Guest:
        sign_in = SignIn(player or uuid4(), login or uuid4(), expires_at)
        self.hub.join(self.subscriber, sign_in, {"board": board, "version": version, "data": rows(version)}, me=me)
        return self

    def watch(self, version: int = 0, *, board: str = "main") -> Guest:
        """Join without an account."""
        self.hub.join(self.subscriber, None, {"board": board, "version": version, "data": rows(version)})
        return self

    def received(self) -> list[tuple[str, int]]:
        """Return type and version of every message read so far."""
        self.wire.read()
        return [
            (message["type"].removeprefix("leaderboard."), message["meta"].get("version", 0))
            for message in self.wire.messages
        ]


def rows(version: int) -> list[StandingRow]:
    """Return a board whose score is its version."""
    return [{"rank": 1, "user_id": "u", "username": "Ada", "score": version, "achieved_at": "t"}]


@pytest.fixture
def hub() -> Hub:
    return Hub(merge_seconds=0.0)


@pytest.fixture
def guest(hub: Hub) -> Iterator[Callable[..., Guest]]:
    """Yield a function that makes guests of `hub`, or of the hub given."""
    guests: list[Guest] = []

    def make(of: Hub | None = None, send_buffer: int | None = None) -> Guest:
        guests.append(Guest(of or hub, send_buffer=send_buffer))
        return guests[-1]

    yield make
    for member in guests:
        member.hub.remove(member.subscriber)
        member.subscriber.outbound.release()
        member.wire.shut()


def admit(message: Subscribe | Watch) -> BoardAdmission:
    """Admit every client except those with a token that names a refusal."""
    snapshot: BoardSnapshot = {"board": message.board, "version": 1, "data": rows(1)}
    if isinstance(message, Watch):
        return BoardAdmission(None, snapshot)
    if message.auth is None:
        raise Unauthorized()
    if message.auth in REFUSALS:
        raise REFUSALS[message.auth]
    gevent.sleep(0)  # asking the stores lets others run
    return BoardAdmission(SignIn(uuid4(), uuid4(), FAR), snapshot)


def allowance(burst: float = BURST, work: float = 1e6) -> Allowance:
    """Return a socket's allowance on a stopped clock: `burst` messages, `work` units until its address waits."""
    return Allowance(Bucket(1.0, burst, lambda: 0.0), Bucket(0.01, work, lambda: 0.0))


def converse(
    guest: Guest,
    admits: Callable[[Subscribe | Watch], BoardAdmission] = admit,
    allowed: Allowance | None = None,
    turns: Turns | None = None,
) -> AsyncResult[Reader]:
    """Serve a guest as the push tier does. The result is set once the conversation has ended, except with `turns`."""
    ended: AsyncResult[Reader] = AsyncResult()
    reader = Reader(
        guest.hub,
        guest.subscriber,
        guest.wire.server,
        Arrival(Seat("a-seat", "203.0.113.9"), "a-request"),
        lambda _, message: admits(message),
        allowed or allowance(),
        ping_seconds=30.0,
    )
    (turns or Turns(ended.set)).add(reader)
    return ended


@pytest.fixture
def conversation(guest: Callable[..., Guest]) -> Iterator[Guest]:
    """Yield a guest whose conversation is under way."""
    someone: Guest = guest()
    ended = converse(someone)
    yield someone
    someone.wire.client.close()
    ended.get(timeout=10)


def subscribe(wire: Wire, auth: str | None = "Bearer x", **more: str) -> None:
    wire.send({"type": "subscribe", **({"auth": auth} if auth else {}), **more})
