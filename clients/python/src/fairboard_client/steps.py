"""Calls as generators: they yield effects and get their outcomes, so that one text of every rule serves both worlds.

`fairboard_client.sync` performs the effects with blocking calls, `fairboard_client.aio` with asyncio.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

from fairboard_client.errors import FairboardError
from fairboard_client.wire import Answer, Draft, Outcome, Request, authorized, read

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request; its outcome comes back into the generator."""

    request: Request


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds, because of this error."""

    seconds: float
    error: FairboardError


@dataclass(frozen=True, slots=True)
class Acquire:
    """Take the lock of the client's tokens; the generator releases it."""


@dataclass(frozen=True, slots=True)
class Item(Generic[T_co]):
    """Hand a value to the caller, and go on when the next one is wanted."""

    value: T_co


Effect = Send | Pause | Acquire
Steps = Generator[Effect, Outcome | None, T]
"""A call that returns T."""

Stream = Generator[Effect | Item[T], Outcome | None, None]
"""A call that hands out any number of T."""


def send(call: Draft, token: str | None) -> Steps[Answer]:
    """Send a call once. Raises `FairboardError`."""
    outcome = yield Send(authorized(call, token))
    assert outcome is not None
    return read(outcome)
