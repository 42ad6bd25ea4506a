"""The slot map of a Redis Cluster: the node that holds each slot, as last reported, and the refresh of the map."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis
from redis.connection import Connection, ConnectionPool, parse_url
from redis.crc import REDIS_CLUSTER_HASH_SLOTS

from app.server_urls import split_url
from app.stores.redis.connection import DirectConnection, NodeConnection, OptionValue, Reply, connect_directly

SCHEME = "redis+cluster"
_PORT = 6379
_REFRESH_SECONDS = 0.1  # the least time between two refreshes of the slot map, which one caller at a time does
_TRUE, _FALSE = ("1", "true", "yes"), ("0", "false", "no")

Address = tuple[str, int]


def parse(url: str) -> tuple[list[Address], dict[str, OptionValue]]:
    """Return the seeds of a `redis+cluster://` URL, and the options of redis-py's connections.

    `redis+cluster://[[user]:password@]host:port,host:port,…[/][?option=…]`; `?ssl=true` for TLS, the other options
    are redis-py's (`ssl_ca_certs`, `ssl_cert_reqs`, …). Raises ValueError.
    """
    parts = split_url(url)
    if parts.path.strip("/") not in ("", "0"):
        raise ValueError("a cluster has only database 0")
    query = parse_qsl(parts.query)
    tls = [value.lower() for name, value in query if name == "ssl"]
    if not set(tls) <= {*_TRUE, *_FALSE}:
        raise ValueError("ssl is neither true nor false")
    scheme = "rediss" if set(tls) & set(_TRUE) else "redis"
    params = urlencode([pair for pair in query if pair[0] != "ssl"])
    options = parse_url(f"{scheme}://{parts.login}@/?{params}" if parts.login else f"{scheme}:///?{params}")  # type: ignore[no-untyped-call]
    seeds = [_parse_address(host.strip()) for host in parts.hosts.split(",")]
    return seeds, {name: value for name, value in options.items() if name not in ("host", "port", "db")}


def _parse_address(text: str) -> Address:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("wants host:port,host:port,…")
    return parts.hostname, parts.port or _PORT


class Nodes:
    """The nodes of a cluster. Asks no node before the first use, and recovers when the cluster does."""

    def __init__(self, url: str, timeout: float, **options: OptionValue) -> None:
        """Prepare redis-py connections with `options`, which those of the URL override. Raises ValueError."""
        self._seeds, url_options = parse(url)
        self._connection_class = url_options.pop("connection_class", Connection)
        self._options = {**options, **url_options}
        self._timeout = timeout
        self._direct_by_address: dict[Address, DirectConnection] = {}
        self._failed_at: dict[Address, float] = {}
        self._refresh_lock = threading.Lock()
        self._refreshed_at = float("-inf")
        self._slots: list[DirectConnection | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._home: DirectConnection | None = None  # the last node that answered with its slot map
        self.masters: list[DirectConnection] = []
        """One direct connection for each master, in no order; empty while there is no slot map."""
        self.addresses: list[Address] = []
        """The addresses of masters and replicas."""

    def direct_to_slot(self, slot: int) -> DirectConnection:
        """Return the direct connection to a slot's master. Raises redis.ConnectionError while no node serves it."""
        direct = self._slots[slot]
        if direct is None:
            self.refresh()
            direct = self._slots[slot]
        if direct is None:
            raise redis.ConnectionError(f"no node of the Redis Cluster serves slot {slot}")
        return direct

    def any(self) -> DirectConnection:
        """Return a direct connection to some node that answered lately. Raises redis.ConnectionError when none does."""
        home = self._home
        if home is None:
            self.refresh()
            home = self._home
        if home is None:
            raise redis.ConnectionError("no node of the Redis Cluster answers")
        return home

    def direct(self, address: Address) -> DirectConnection:
        """Return the direct connection to one node."""
        direct = self._direct_by_address.get(address)
        if direct is None:
            direct = self._direct_by_address[address] = connect_directly(
                lambda: self._make_connection(address), self._options["socket_timeout"], address
            )
        return direct

    def pool(self, address: Address) -> ConnectionPool:
        """Return a redis-py connection pool for one node."""
        host, port = address
        return ConnectionPool(connection_class=self._connection_class, host=host, port=port, **self._options)

    def note_failure(self, direct: DirectConnection) -> None:
        """Note that a node has just failed, and ask the others where its slots are now. Raises nothing."""
        self._failed_at[direct.address] = time.monotonic()
        if self._home is direct:
            other_masters = [master for master in self.masters if master is not direct]
            self._home = min(other_masters, key=lambda master: self._failed_at.get(master.address, 0.0), default=None)
        self.refresh()

    def refresh(self) -> None:
        """Refresh the slot map, unless that has just been done or another caller is at it. Raises nothing.

        A caller that has no slot map at all waits for the other caller.
        """
        has_map = bool(self.masters)
        if not self._refresh_lock.acquire(blocking=not has_map, timeout=-1 if has_map else 2 * self._timeout):
            return
        try:
            if time.monotonic() - self._refreshed_at > _REFRESH_SECONDS:
                self._refresh(has_map)
                self._refreshed_at = time.monotonic()
        finally:
            self._refresh_lock.release()

    def find_answering(self) -> Address:
        """Return some node that answers, of either role, so that listeners spread. Raises redis.ConnectionError."""
        self.any()
        for address in self._iterate_addresses():
            try:
                self.direct(address).call("PING")
            except redis.RedisError:
                self._failed_at[address] = time.monotonic()
                continue
            return address
        raise redis.ConnectionError("no node of the Redis Cluster answers")

    def close(self) -> None:
        """Close all connections and forget the slot map."""
        for direct in list(self._direct_by_address.values()):
            direct.close()
        self._direct_by_address.clear()
        self.masters, self.addresses, self._home = [], [], None
        self._slots = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._refreshed_at = float("-inf")

    def _refresh(self, has_map: bool) -> None:
        """Ask nodes for their slot map until one answers.

        A stalled node costs a timeout. A caller that has a map gives up after one, and one that has none after two.
        """
        began = time.monotonic()
        for address in self._iterate_addresses():
            direct = self.direct(address)
            try:
                ranges = direct.call("CLUSTER", "SLOTS")
            except redis.RedisError:
                self._failed_at[address] = time.monotonic()
                if time.monotonic() - began >= self._timeout * (1 if has_map else 2):
                    return
                continue
            if ranges:
                self._use_map(direct, ranges)
                return

    def _iterate_addresses(self) -> Iterator[Address]:
        """Yield every node that may exist, in a different order each time, those that failed lately last."""
        addresses = list(dict.fromkeys([*self.addresses, *self._seeds]))
        yield from sorted(
            random.sample(addresses, len(addresses)), key=lambda address: self._failed_at.get(address, 0.0)
        )

    def _use_map(self, source: DirectConnection, ranges: list[Reply]) -> None:
        slots: list[DirectConnection | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        masters: dict[Address, DirectConnection] = {}
        addresses: list[Address] = []
        for first, last, *nodes in ranges:
            shard = [(node[0] or source.address[0], int(node[1])) for node in nodes]
            master = masters[shard[0]] = self.direct(shard[0])
            slots[first : last + 1] = [master] * (last + 1 - first)
            addresses += shard
        self._slots, self.masters, self._home = slots, list(masters.values()), source
        self.addresses = list(dict.fromkeys(addresses))
        for address in set(self._direct_by_address) - set(addresses) - set(self._seeds):
            self._direct_by_address.pop(address).close()

    def _make_connection(self, address: Address) -> NodeConnection:
        connection: NodeConnection = self._connection_class(host=address[0], port=address[1], **self._options)
        return connection
