"""The limits on the messages of one socket, and on the work for the sockets of one address."""

from __future__ import annotations

import time
from collections.abc import Callable
from weakref import WeakValueDictionary

from limits import parse

from app.settings import Settings

_FRAGMENTS = 32  # frames without a message or an answer that together cost as much as one message
_SUBSCRIBE_WORK = 5.0  # a subscribe queries the stores: it is this many times the work of another message
_HONEST_WORK = 4.0  # units of work that a socket may cause for each ping: twice the cost of its answer
_MIN_WORK = 50.0  # units a second that every address gets, however seldom it is pinged
_BURST_SECONDS = 15.0  # a quiet address may do the work of this many seconds at once …
_DEBT_SECONDS = 60.0  # … and no address waits longer than this

Clock = Callable[[], float]


class Bucket:
    """Holds up to `size` units and gains `rate` units a second. Starts full."""

    __slots__ = ("__weakref__", "_at", "_clock", "_level", "_rate", "_size")

    def __init__(self, rate: float, size: float, clock: Clock = time.monotonic) -> None:
        self._rate, self._size, self._clock = rate, size, clock
        self._level, self._at = size, clock()

    def take(self, amount: float) -> bool:
        """Take `amount` if the bucket holds it; otherwise leave the bucket as it is and return False."""
        level = self._now()
        if level < amount:
            return False
        self._level = level - amount
        return True

    def spend(self, amount: float) -> None:
        """Take `amount` even if the bucket holds less; the missing units are a debt, of at most a minute."""
        self._level = max(self._now() - amount, -self._rate * _DEBT_SECONDS)

    def give(self, amount: float) -> None:
        """Put `amount` back."""
        self._level = min(self._size, self._now() + amount)

    @property
    def debt(self) -> float:
        """Return the seconds until the debt is paid; 0 without a debt."""
        return max(0.0, -self._now() / self._rate)

    def _now(self) -> float:
        now = self._clock()
        self._level = min(self._size, self._level + (now - self._at) * self._rate)
        self._at = now
        return self._level


class Allowance:
    """The units that one socket may still use. Its own bucket, once empty, ends it; its address's only delays it."""

    __slots__ = ("_address", "_messages")

    def __init__(self, messages: Bucket, address: Bucket) -> None:
        self._messages, self._address = messages, address

    @property
    def pause(self) -> float:
        """Return the seconds to leave the socket unread, so that its address stays within its share of the process."""
        return self._address.debt

    def count_read(self) -> None:
        """Count one read, however few bytes it returned."""
        self._address.spend(1.0)

    def count_message(self) -> bool:
        """Count a message, or a frame that needs an answer. Return False when the socket has sent too many."""
        self._address.spend(1.0)
        return self._messages.take(1.0)

    def count_fragment(self) -> bool:
        """Count a frame that completes no message. Return False when the socket has sent too many."""
        self._address.spend(1.0)
        return self._messages.take(1.0 / _FRAGMENTS)

    def count_subscribe(self) -> None:
        """Count the cost of a subscribe beyond its message."""
        self._address.spend(_SUBSCRIBE_WORK)

    def refund(self) -> None:
        """Give back the cost of the last message: it was the answer to our ping, which costs the socket nothing."""
        self._messages.give(1.0)


class Allowances:
    """A factory for the allowances of a process's sockets; sockets of one address share that address's bucket."""

    def __init__(self, settings: Settings, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        limit = parse(settings.socket_messages)
        self._rate, self._burst = limit.amount / limit.get_expiry(), float(settings.socket_burst)
        # Twice the work that all the sockets of an address need to answer their pings.
        pongs = settings.max_sockets_per_address / settings.ping_seconds
        self._work = max(_MIN_WORK, pongs * _HONEST_WORK)
        self._addresses: WeakValueDictionary[str, Bucket] = WeakValueDictionary()

    def for_address(self, address: str) -> Allowance:
        """Return a new socket's allowance."""
        address_bucket = self._addresses.get(address)
        if address_bucket is None:
            address_bucket = Bucket(self._work, self._work * _BURST_SECONDS, self._clock)
            self._addresses[address] = address_bucket
        return Allowance(Bucket(self._rate, self._burst, self._clock), address_bucket)
