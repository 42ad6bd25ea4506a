"""A client's sockets go to one WebSocket server, and few clients move when servers come and go."""

from __future__ import annotations

import http.server
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from devstack.nginx import Nginx
from tests.parts.client import Api
from tests.parts.edge import Edge

CLIENTS = [f"{number:032x}" for number in range(400)]


class _Named(http.server.BaseHTTPRequestHandler):
    """A server that answers with its own port in a header, so that a test knows which server answered."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("X-Server", str(self.connection.getsockname()[1]))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def named_servers(count: int) -> Iterator[list[http.server.ThreadingHTTPServer]]:
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Named) for _ in range(count)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


def whereto(nginx: Nginx) -> Mapping[str, str]:
    """Return the server that each client is sent to."""
    api = Api(nginx.url)
    try:
        return {client: answering_port(api, f"?client={client}") for client in CLIENTS}
    finally:
        api.close()


def answering_port(api: Api, query: str) -> str:
    """Return the port of the server that answered."""
    return str(api.call("HEAD", f"/ws/leaderboard{query}").headers["X-Server"])


def test_a_new_server_takes_its_share_and_a_dead_ones_clients_spread_over_the_rest(edge: Edge) -> None:
    with named_servers(4) as servers:
        addresses = [("127.0.0.1", server.server_address[1]) for server in servers]
        nginx = edge.another_nginx("nginx-sticky")
        nginx.ws = addresses[:3]
        nginx.start()
        try:
            three = whereto(nginx)
            assert three == whereto(nginx)
            assert min(Counter(three.values()).values()) > len(CLIENTS) / 10
            assert len(Counter(three.values())) == 3

            nginx.ws = addresses
            nginx.restart()
            four = whereto(nginx)
            moved = {client for client in CLIENTS if three[client] != four[client]}
            assert {four[client] for client in moved} == {str(addresses[3][1])}, "nobody moves between the old ones"
            assert len(CLIENTS) * 0.05 < len(moved) < len(CLIENTS) * 0.45  # about a quarter

            dead = servers[0]
            dead.shutdown()
            dead.server_close()
            after_the_loss = whereto(nginx)
            assert str(addresses[0][1]) not in after_the_loss.values()
            orphans = [client for client in CLIENTS if four[client] == str(addresses[0][1])]
            assert all(after_the_loss[client] == four[client] for client in CLIENTS if client not in set(orphans))
            assert len({after_the_loss[client] for client in orphans}) > 1
        finally:
            nginx.stop()


def test_without_an_id_a_client_is_told_by_its_address(edge: Edge) -> None:
    with named_servers(3) as servers:
        nginx = edge.another_nginx("nginx-addresses")
        nginx.ws = [("127.0.0.1", server.server_address[1]) for server in servers]
        nginx.start()
        try:
            reached_servers: set[str] = set()
            for number in range(1, 40):
                api = Api(nginx.url, address=f"127.88.0.{number}")
                answers = {answering_port(api, query) for query in ("", "?client=x y", "?client=")}
                assert len(answers) == 1
                reached_servers |= answers
                api.close()
            assert len(reached_servers) == 3
        finally:
            nginx.stop()
