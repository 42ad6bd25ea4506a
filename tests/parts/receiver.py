"""A receiver of webhooks on this machine: it remembers all calls, and answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Call:
    """A call as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    def event(self, secret: str) -> Any:
        """Return the verified event. Raises WebhookVerificationError."""
        return Webhook(secret).verify(self.body, self.headers)

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """Answers 204, or with the next of `answers` while there are some."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: list[Answer] = []
        self.release = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.calls.append(Call(self.path, headers, body))
                answer = receiver.answers.pop(0) if receiver.answers else status(204)
                answer(self)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook?key=1"

    def hang(self, _handler: BaseHTTPRequestHandler) -> None:
        """Answer nothing until `release` is set."""
        self.release.wait(60)


def status(code: int, text: str = "", **headers: str) -> Answer:
    """Return the answer with this status."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text.encode())

    return answer


@contextmanager
def started_receiver() -> Iterator[Receiver]:
    """Yield a receiver that listens."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield receiver
    receiver.release.set()
    receiver.server.shutdown()
    receiver.server.server_close()
