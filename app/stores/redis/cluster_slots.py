"""Which node of a Redis Cluster holds which slot, as far as is known, and finding it out again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis
from redis.connection import Connection, ConnectionPool, parse_url
from redis.crc import REDIS_CLUSTER_HASH_SLOTS

from app.server_urls import split_url
from app.stores.redis.connection import Lane

SCHEME = "redis+cluster"
_PORT = 6379
_LOOK_SECONDS = 0.1  # at most so often is the cluster asked where everything is, by one caller at a time
_TRUE = ("1", "true", "yes")

Address = tuple[str, int]


def parse(url: str) -> tuple[list[Address], dict[str, Any]]:
    """The seeds of a `redis+cluster://` URL, and what redis-py's connections have to be made with.

    `redis+cluster://[[user]:password@]host:port,host:port,…[/][?option=…]`; `?ssl=true` for TLS, the further options
    are redis-py's (`ssl_ca_certs`, `ssl_cert_reqs`, …). Raises ValueError.
    """
    parts = split_url(url)
    if parts.path.strip("/") not in ("", "0"):
        raise ValueError("a cluster has no numbered databases but 0")
    query = parse_qsl(parts.query)
    scheme = "rediss" if any(name == "ssl" and value.lower() in _TRUE for name, value in query) else "redis"
    rest = urlencode([pair for pair in query if pair[0] != "ssl"])
    options = parse_url(f"{scheme}://{parts.login}@/?{rest}" if parts.login else f"{scheme}:///?{rest}")  # type: ignore[no-untyped-call]
    seeds = [_address(host.strip()) for host in parts.hosts.split(",")]
    return seeds, {name: value for name, value in options.items() if name not in ("host", "port", "db")}


def _address(text: str) -> Address:
    one = urlsplit(f"//{text}")
    if not one.hostname:
        raise ValueError("wants host:port,host:port,…")
    return one.hostname, one.port or _PORT


class Nodes:
    """Asks no node before the first use. A cluster that is down, or forgets a node, is found again by itself."""

    def __init__(self, url: str, timeout: float, **options: Any) -> None:
        """`options`: for every redis-py connection, beside what the URL says. Raises ValueError."""
        self._seeds, found = parse(url)
        self._kind = found.pop("connection_class", Connection)
        self._options = {**options, **found}
        self._timeout = timeout
        self._lanes: dict[Address, Lane] = {}
        self._failed_at: dict[Address, float] = {}
        self._looking = threading.Lock()
        self._looked_at = float("-inf")
        self._slots: list[Lane | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._home: Lane | None = None  # the last one that told where everything is
        self.masters: list[Lane] = []
        """One lane each, in no order; empty while nothing is known."""
        self.addresses: list[Address] = []
        """Masters and replicas."""

    def holding(self, slot: int) -> Lane:
        """The lane to a slot's master. Raises redis.ConnectionError while nobody is known to hold it."""
        lane = self._slots[slot]
        if lane is None:
            self.look()
            lane = self._slots[slot]
        if lane is None:
            raise redis.ConnectionError(f"no node of the Redis Cluster serves slot {slot}")
        return lane

    def any(self) -> Lane:
        """A lane to some node that answered lately. Raises redis.ConnectionError when none does."""
        home = self._home
        if home is None:
            self.look()
            home = self._home
        if home is None:
            raise redis.ConnectionError("no node of the Redis Cluster answers")
        return home

    def lane(self, address: Address) -> Lane:
        """The lane to one node."""
        lane = self._lanes.get(address)
        if lane is None:
            lane = self._lanes[address] = Lane(lambda: self._connection(address), address)
        return lane

    def pool(self, address: Address) -> ConnectionPool:
        """A pool of redis-py's own for one node."""
        host, port = address
        return ConnectionPool(connection_class=self._kind, host=host, port=port, **self._options)

    def failed(self, lane: Lane) -> None:
        """This node has just failed somebody: ask the others where its slots are now. Raises nothing."""
        self._failed_at[lane.address] = time.monotonic()
        if self._home is lane:
            others = [master for master in self.masters if master is not lane]
            self._home = min(others, key=lambda one: self._failed_at.get(one.address, 0.0), default=None)
        self.look()

    def look(self) -> None:
        """Find out anew where everything is, unless that has just been done or somebody is at it. Raises nothing.

        Whoever needs it because nothing is known at all waits for the one who is.
        """
        known = bool(self.masters)
        if not self._looking.acquire(blocking=not known, timeout=-1 if known else 2 * self._timeout):
            return
        try:
            if time.monotonic() - self._looked_at > _LOOK_SECONDS:
                self._ask_around(known)
                self._looked_at = time.monotonic()
        finally:
            self._looking.release()

    def answering(self) -> Address:
        """Some node that answers, whatever its role, so that listeners spread. Raises redis.ConnectionError."""
        self.any()
        for address in self._candidates():
            try:
                self.lane(address).call("PING")
            except redis.RedisError:
                self._failed_at[address] = time.monotonic()
                continue
            return address
        raise redis.ConnectionError("no node of the Redis Cluster answers")

    def close(self) -> None:
        """Give all connections back."""
        for lane in list(self._lanes.values()):
            lane.close()
        self._lanes.clear()
        self.masters, self.addresses, self._home = [], [], None
        self._slots = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._looked_at = float("-inf")

    def _ask_around(self, known: bool) -> None:
        """A node that stands still costs a timeout: after one, those whom some board is known to will ask again."""
        began = time.monotonic()
        for address in self._candidates():
            lane = self.lane(address)
            try:
                ranges = lane.call("CLUSTER", "SLOTS")
            except redis.RedisError:
                self._failed_at[address] = time.monotonic()
                if time.monotonic() - began >= self._timeout * (1 if known else 2):
                    return
                continue
            if ranges:
                self._take(lane, ranges)
                return

    def _candidates(self) -> Iterator[Address]:
        """Every node there may be; in a different order each time, those that failed lately last."""
        every = list(dict.fromkeys([*self.addresses, *self._seeds]))
        yield from sorted(random.sample(every, len(every)), key=lambda one: self._failed_at.get(one, 0.0))

    def _take(self, teller: Lane, ranges: list[Any]) -> None:
        slots: list[Lane | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        masters: dict[Address, Lane] = {}
        addresses: list[Address] = []
        for first, last, *nodes in ranges:
            found = [(node[0] or teller.address[0], int(node[1])) for node in nodes]
            master = masters[found[0]] = self.lane(found[0])
            slots[first : last + 1] = [master] * (last + 1 - first)
            addresses += found
        self._slots, self.masters, self._home = slots, list(masters.values()), teller
        self.addresses = list(dict.fromkeys(addresses))
        for address in set(self._lanes) - set(addresses) - set(self._seeds):
            self._lanes.pop(address).close()

    def _connection(self, address: Address) -> Any:
        return self._kind(host=address[0], port=address[1], **self._options)
