"""gunicorn sends an answer whole, in one send."""

from __future__ import annotations

import io
import socket
import tempfile
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.one_send import Response


class _Sends:
    """A real socket that counts its sends."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.sends = 0

    def sendall(self, data: bytes) -> None:
        self.sends += 1
        self.near.sendall(data)

    def sendfile(self, file: io.BufferedReader, offset: int, count: int) -> int:
        return self.near.sendfile(file, offset, count)

    def received(self) -> bytes:
        self.near.close()
        with self.far:
            return b"".join(iter(lambda: self.far.recv(65536), b""))


def _response(sock: _Sends, method: str = "GET") -> Any:
    request = SimpleNamespace(method=method, version=(1, 1), should_close=lambda: False)
    return Response(request, sock, SimpleNamespace(sendfile=True, is_ssl=False))


@pytest.mark.parametrize(
    ("method", "status", "parts", "sends", "body"),
    [
        ("GET", "200 OK", [b"hello"], 1, b"hello"),
        ("GET", "200 OK", [b"hel", b"lo"], 2, b"hello"),
        ("GET", "304 NOT MODIFIED", [], 1, b""),
        ("HEAD", "200 OK", [b"hello"], 1, b""),
    ],
    ids=["one part", "two parts", "no body", "head"],
)
def test_head_and_body_leave_together(method: str, status: str, parts: list[bytes], sends: int, body: bytes) -> None:
    sock = _Sends()
    response = _response(sock, method)
    response.start_response(status, [("Content-Length", "5"), ("X-One", "1")])
    for part in parts:
        response.write(part)
    response.close()
    head, _, rest = sock.received().partition(b"\r\n\r\n")
    assert (sock.sends, rest) == (sends, body)
    assert head.startswith(f"HTTP/1.1 {status}\r\n".encode())
    assert b"\r\nX-One: 1" in head


def test_a_file_follows_its_head() -> None:
    sock = _Sends()
    response = _response(sock)
    response.start_response("200 OK", [("Content-Length", "5")])
    with tempfile.TemporaryFile() as file:
        file.write(b"hello")
        file.seek(0)
        response.write_file(SimpleNamespace(filelike=file))
    response.close()
    assert sock.received().endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Length", "5"), ("content-length", "6"), ("X-One", " 1 "), ("x-one", "2"), ("X-Empty", "")],
        [("X-High", "caf\xe9"), ("X-Tab", "\ta\tb\t")],
        [("Connection", "close"), ("Transfer-Encoding", "chunked"), ("Keep-Alive", "1"), ("X-One", "1")],
        [("Connection", "Upgrade"), ("Upgrade", "websocket")],
        [("X-One", "1\r\nX-Two: 2")],
        [("X-One", "1\x00")],
        [("X-One", "\u20ac")],
        [("X One", "1")],
        [("X-One\r\n", "1")],
        [("", "1")],
        [("X-One", 1)],
        [("X-One", b"1")],
        [(b"X-One", "1")],
        [("Content-Length", "five")],
    ],
    ids=repr,
)
def test_the_head_is_the_one_that_gunicorn_makes(headers: Any) -> None:
    assert _head(Response, headers) == _head(Response.__mro__[1], headers)


def _head(kind: Any, headers: Any) -> Any:
    sock = _Sends()
    request = SimpleNamespace(method="GET", version=(1, 1), should_close=lambda: False)
    response = kind(request, sock, SimpleNamespace(sendfile=True, is_ssl=False))
    try:
        response.start_response("200 OK", headers)
        response.close()
    except Exception as error:  # noqa: BLE001 - whichever gunicorn raises
        return type(error)
    finally:
        received = sock.received()
    return [line for line in received.split(b"\r\n") if not line.startswith(b"Date: ")], response.response_length
