"""Subscribers of a hub, each with a real pair of sockets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest

from app.ws.hub import Hub
from app.ws.outbound import Outbound
from app.ws.subscriber import SignIn, Subscriber
from tests.parts.wire import Wire

FAR = 1e12  # Unix time at which no token of a test expires


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
    ) -> Guest:
        who = SignIn(player or uuid4(), login or uuid4(), expires_at)
        self.hub.join(self.subscriber, who, {"board": board, "version": version, "data": rows(version)})
        return self

    def told(self) -> list[tuple[str, int]]:
        """Type and version of everything read so far."""
        self.wire.read()
        return [
            (message["type"].removeprefix("leaderboard."), message["meta"].get("version", 0))
            for message in self.wire.messages
        ]


def rows(version: int) -> list[dict[str, object]]:
    """A board that tells which version it is."""
    return [{"rank": 1, "user_id": "u", "username": "Ada", "score": version, "achieved_at": "t"}]


@pytest.fixture
def hub() -> Hub:
    return Hub(merge_seconds=0.0)


@pytest.fixture
def guest(hub: Hub) -> Iterator[Callable[..., Guest]]:
    """Makes guests of `hub`, or of the one given."""
    made: list[Guest] = []

    def make(of: Hub | None = None, send_buffer: int | None = None) -> Guest:
        made.append(Guest(of or hub, send_buffer=send_buffer))
        return made[-1]

    yield make
    for each in made:
        each.hub.remove(each.subscriber)
        each.subscriber.outbound.release()
        each.wire.shut()
