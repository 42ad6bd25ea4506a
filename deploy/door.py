"""How many connections of one address a web process holds, so that the others find room."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

_BESIDE_SOCKETS = 200  # connections of an address that are no WebSockets: requests, and handshakes under way
_RETRY_SECONDS = 5  # about as long as gunicorn keeps a connection that says nothing


class Door:
    """Counts open connections by address. Without a limit everybody may enter: behind a proxy all have its address."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self._open: Counter[str] = Counter()

    @classmethod
    def beside(cls, most_sockets: int, trusted_proxies: int) -> Door:
        """The door of a process that lets an address open `most_sockets` WebSockets; none behind a trusted proxy."""
        return cls(None if trusted_proxies else most_sockets + _BESIDE_SOCKETS)

    @contextlib.contextmanager
    def entered(self, address: str) -> Iterator[bool]:
        """Whether one more connection of `address` may stay; it counts for as long as the block runs."""
        network = network_of(address)
        if self.limit is not None and self._open[network] >= self.limit:
            yield False
            return
        self._open[network] += 1
        try:
            yield True
        finally:
            self._open[network] -= 1
            if not self._open[network]:
                del self._open[network]


def network_of(address: str) -> str:
    """The address of an IPv4 client, the /64 of an IPv6 client: what one customer has of a provider."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def refuse(client: socket.socket, limit: int) -> None:
    """Answer 429 without reading a request, as nginx does, and hang up."""
    own_id = uuid4().hex
    message = "Too many connections from your address. Try again in a moment."
    error = {"code": "rate_limited", "message": message}
    body = json.dumps({"meta": {"code": 429, "request_id": own_id}, "error": error}).encode()
    head = [
        "HTTP/1.1 429 Too Many Requests",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"X-Request-ID: {own_id}",
        f"Retry-After: {_RETRY_SECONDS}",
        f"RateLimit-Limit: {limit}",
        "RateLimit-Remaining: 0",
        f"RateLimit-Reset: {_RETRY_SECONDS}",
        "Connection: close",
        "",
        "",
    ]
    with contextlib.suppress(OSError):  # it is told if that costs no wait
        client.setblocking(False)
        client.send("\r\n".join(head).encode() + body)
        client.shutdown(socket.SHUT_WR)
    client.close()
