"""The gate of a request: the count of its rate limit and the state of its login, which come before all other checks.

A script may begin with it, so that both cost no round trip of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.stores.redis.client import Call
from app.stores.redis.connection import Reply
from app.stores.redis.rate_limits import Window, window_key

Pair = tuple[UUID, UUID]  # player, login
Copies = list[str | None]  # Redis's copies of an account's status and a login's state; None or '' for a gap


def status_key(player_id: UUID) -> str:
    """Return the key of the copy of an account's status."""
    return f"status:{{{player_id}}}"


def login_key(player_id: UUID, login_id: UUID) -> str:
    """Return the key of the copy of a login's state."""
    return f"login:{{{player_id}}}:{login_id}"


@dataclass(frozen=True, slots=True)
class Admission:
    """Redis's answer to one request of a login: the count of the limit's window, and the copies of its state."""

    count: int
    copies: Copies


@dataclass(frozen=True, slots=True)
class Gate:
    """A login, and the window of a rate limit that lets `most` of its requests pass.

    On a cluster that takes a window under the player's hash tag.
    """

    window: Window
    most: int
    pair: Pair

    def before(self, call: Call) -> Call:
        """Return the call of the script `admit_…`, which runs the given one for a request that passes the gate."""
        name, keys, arguments = call
        own_keys = [window_key(self.window), status_key(self.pair[0]), login_key(*self.pair)]
        return f"admit_{name}", [*keys, *own_keys], [*arguments, self.window.seconds, self.most]

    def alone(self) -> Call:
        """Return the call of the script that only counts the request and reads the copies."""
        _, keys, arguments = self.before(("", [], []))
        return "admit", keys, arguments


def read_admission(answer: Reply) -> Admission | None:
    """Return the gate's answer; None for the answer of the script behind it, which begins with a word."""
    return Admission(answer[0], answer[1:]) if isinstance(answer[0], int) else None
