"""A real HTTP server in front of the product that loses answers, or refuses in its place."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import urlsplit

_SECONDS = 30
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass(frozen=True)
class Passed:
    """A request that came by. `status` is that of the product's answer, 0 where the product was not asked."""

    method: str
    path: str
    key: str | None
    status: int


@dataclass
class Unreliable:
    """The way to the product. Faults are used up in order by the requests whose path ends as they say."""

    url: str
    target: str
    requests: list[Passed] = field(default_factory=list)
    _faults: list[tuple[str, int]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def lose(self, path: str, times: int = 1) -> None:
        """Lose the next answers to requests for this path: the product has carried them out."""
        self._faults += [(path, 0)] * times

    def refuse(self, path: str, *statuses: int) -> None:
        """Answer the next requests for this path with these statuses, without asking the product."""
        self._faults += [(path, status) for status in statuses]

    def of(self, path: str) -> list[Passed]:
        """Return the requests for this path."""
        return [request for request in self.requests if _path(request.path).endswith(path)]

    def take_fault(self, path: str) -> int | None:
        """Return the next fault for this path: 0 to lose the answer, a status to refuse with, or `None`."""
        with self._lock:
            for place, (end, status) in enumerate(self._faults):
                if _path(path).endswith(end):
                    del self._faults[place]
                    return status
        return None


def _path(path: str) -> str:
    return path.partition("?")[0]


@contextmanager
def unreliable(target: str) -> Iterator[Unreliable]:
    """Yield a way to the product at `target`, without faults at first."""

    class Handler(_Handler):
        way = Unreliable("", target)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Handler.way.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield Handler.way
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    way: Unreliable

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.way.take_fault(self.path)
        if fault:
            self._note(0)
            error = {"code": "rate_limited" if fault == 429 else "unavailable", "message": "The test refuses."}
            self._answer(fault, {"Retry-After": "0"}, json.dumps({"error": error}).encode())
            return
        status, headers, answer = self._ask(body)
        self._note(status)
        if fault is None:
            self._answer(status, headers, answer)
        else:
            self.close_connection = True

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.way.target).netloc, timeout=_SECONDS)
        try:
            connection.request(self.command, self.path, body or None, dict(self.headers))
            response = connection.getresponse()
            headers = {name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP}
            return response.status, headers, response.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _note(self, status: int) -> None:
        self.way.requests.append(Passed(self.command, self.path, self.headers.get("Idempotency-Key"), status))

    def log_message(self, *_: object) -> None:
        """Log nothing."""
