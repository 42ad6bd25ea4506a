"""Webhooks: a subscription's fields and rules, its secrets, and the pauses between attempts."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, get_args
from urllib.parse import urlsplit
from uuid import UUID

from app.domain.webhook_events import EVENT_TYPES, EventType

DeliveryState = Literal["waiting", "delivered", "failed"]
DELIVERY_STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)

PRIVATE_REMEDY = "the setting WEBHOOK_PRIVATE_ADDRESSES=on allows private addresses"
MOST_WEBHOOKS = 20
MOST_BOARDS = 50
MOST_GRACE_SECONDS = 604_800
GRACE_SECONDS = 86_400
AT_ONCE = 8
"""The calls of one receiver at the same time; one that fails gets one at a time."""

GIVE_UP_AFTER = timedelta(days=3)
_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 5.0, 4.0, 21_600.0
_JITTER = 0.2
_MOST_URL = 2000
_URL = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]+")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A subscription as operators see it, without its secret. No `boards`: all of them.

    Its receiver has failed since `failing_since`. After a rotation the secret before signs too, until `previous_until`.
    """

    id: UUID
    url: str
    events: Sequence[EventType]
    boards: Sequence[str]
    enabled: bool
    created_at: datetime
    created_by: str
    previous_until: datetime | None
    failing_since: datetime | None

    def wants(self, event: str, board: str | None) -> bool:
        """Return whether it is subscribed to events of this type, on this board or about none."""
        return event in self.events and (board is None or not self.boards or board in self.boards)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call of a receiver that took `ms` milliseconds: the status it answered, None without an answer.

    `error` is a kind of error, None if the receiver took the event; `answer` is how its refusal begins.
    """

    at: datetime
    ms: int
    status: int | None
    error: str | None
    answer: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to one receiver, or there."""

    id: UUID
    event_id: UUID
    type: str
    payload: str
    state: DeliveryState
    created_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    attempts: Sequence[Attempt] = field(default=())


def new_secret() -> str:
    """Return a secret as Standard Webhooks writes it, with 256 random bits."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def pause_after(tries: int, draw: float) -> float:
    """Return the seconds until the next attempt, after `tries` that failed (at least 1).

    They grow fourfold from 5 s to six hours. `draw`, from 0 to 1, spreads them by a fifth in both directions, so that
    events that failed together don't come back together.
    """
    pause = min(_FIRST_PAUSE * _GROWTH ** min(tries - 1, 20), _LONGEST_PAUSE)
    return pause * (1 - _JITTER + 2 * _JITTER * draw)


def check_url(url: str, *, private: bool) -> str:
    """Return the URL of a receiver. With `private`, http will do too. Raises ValueError with the rule."""
    schemes = ("https", "http") if private else ("https",)
    if not _URL.fullmatch(url) or len(url) > _MOST_URL:
        raise ValueError(f"must be a URL of at most {_MOST_URL} printable ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is no URL that can be read") from None
    if parts.scheme not in schemes:
        remedy = "" if private else f"; {PRIVATE_REMEDY}, and http://"
        raise ValueError(f"must start with {' or '.join(f'{scheme}://' for scheme in schemes)}{remedy}")
    if not parts.hostname or not _HOST.fullmatch(parts.hostname) or port == 0:
        raise ValueError("must have a host, such as https://example.org/hook")
    if "@" in parts.netloc:
        raise ValueError("must not have a name or a password: the signature proves the sender")
    if parts.fragment:
        raise ValueError("must not have a fragment (#)")
    return url


def origin_of(url: str) -> str:
    """Return the scheme and the host of a receiver's URL, for logs: its path may be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def check_events(events: Sequence[str]) -> list[EventType]:
    """Return the types of events in their usual order, each once. Raises ValueError."""
    if not events:
        raise ValueError("must have at least one event")
    unknown = [event for event in events if event not in EVENT_TYPES]
    if unknown:
        raise ValueError(f"has {unknown[0][:40]!r}; there are {', '.join(EVENT_TYPES)}")
    return [event for event in EVENT_TYPES if event in events]


def check_boards(boards: Sequence[str]) -> list[str]:
    """Return the slugs of boards, each once. Raises ValueError."""
    unique = list(dict.fromkeys(boards))
    if len(unique) > MOST_BOARDS:
        raise ValueError(f"must have at most {MOST_BOARDS} boards; without any, it is all of them")
    return unique
