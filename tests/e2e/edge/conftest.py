"""Servers behind nginx."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator

import pytest

from devstack.nginx import Nginx
from tests.parts.client import Api
from tests.parts.edge import Edge, edge_of, needs_nginx

PARTNER = "https://partner.example"  # a site whose pages may call the API
ENV = {
    "ALLOWED_ORIGINS": PARTNER,
    "EMBED_ANCESTORS": PARTNER,
    "RATE_LIMIT_AUTH": "20/minute",
    "ANTICHEAT_FLAG": "1000000",
    "ANTICHEAT_REJECT": "1000000",
    "ANTICHEAT_CRITICAL": "1000000",
}
_addresses = (f"127.77.{high}.{low}" for high, low in itertools.product(range(1, 250), range(1, 250)))


@pytest.fixture(scope="package")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """Start two API servers and two WebSocket servers behind nginx."""
    needs_nginx()
    with edge_of(tmp_path_factory.mktemp("edge"), ENV) as started:
        yield started


@pytest.fixture(scope="package", autouse=True)
def slow_client(edge: Edge) -> Iterator[socket.socket]:
    """Yield a client that begins a request before all tests and sends nothing more."""
    with socket.create_connection(edge.nginx.address) as slow:
        slow.sendall(b"GET /api/v1/me HTTP/1.1\r\nHost: fairboard\r\nX-Slow: ")
        yield slow


@pytest.fixture(scope="package")
def elsewhere(edge: Edge) -> Iterator[Nginx]:
    """Start another nginx for the same servers, for distant clients: they name their own address."""
    nginx = edge.another_nginx("nginx-elsewhere")
    nginx.listen += "set_real_ip_from 127.0.0.1; real_ip_header X-Test-Address;\n"
    nginx.start()
    yield nginx
    nginx.stop()


@pytest.fixture
def caller(edge: Edge) -> Iterator[Callable[[], Api]]:
    """Yield a function that makes clients, each from an address of its own: a limit per address starts anew."""
    clients: list[Api] = []

    def make() -> Api:
        clients.append(Api(edge.url, address=next(_addresses)))
        return clients[-1]

    yield make
    for api in clients:
        api.close()


@pytest.fixture
def api(caller: Callable[[], Api]) -> Api:
    return caller()
