"""Heads that are read the short way, and heads that are left to gunicorn."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.http import wsgi

from deploy import ordinary
from deploy.ordinary import Head, Request, read_head

NGINX = (
    b"POST /api/v1/actions/1/complete?a=%20b HTTP/1.1\r\nHost: fairboard.example:8443\r\n"
    b"X-Forwarded-For: 203.0.113.7\r\n"
    b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: fairboard.example:8443\r\nX-Request-ID: 1\r\nContent-Length: 2\r\n"
    b"Accept: */*\r\nContent-Type: application/json\r\nauthorization:\t Bearer a.b \r\n\r\n"
)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"


def test_the_head_that_nginx_sends_is_read() -> None:
    fields = {
        "HTTP_HOST": "fairboard.example:8443",
        "HTTP_X_FORWARDED_FOR": "203.0.113.7",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": "fairboard.example:8443",
        "HTTP_X_REQUEST_ID": "1",
        "CONTENT_LENGTH": "2",
        "HTTP_ACCEPT": "*/*",
        "CONTENT_TYPE": "application/json",
        "HTTP_AUTHORIZATION": "Bearer a.b",
    }
    target = "/api/v1/actions/1/complete?a=%20b"
    assert read_head(NGINX + b"{}GET") == Head("POST", target, fields, len(NGINX), 2, is_last=False)


@pytest.mark.parametrize("connection", [b"Upgrade", b"upgrade", b"keep-alive, Upgrade"])
def test_a_handshake_is_ordinary(connection: bytes) -> None:
    head = read_head(GET + b"Upgrade: WebSocket\r\nConnection: " + connection + b"\r\n\r\n")
    assert head is not None
    assert not head.is_last


def test_a_client_that_wants_the_connection_closed_is_ordinary() -> None:
    data = GET + b"Connection: Close\r\n\r\n"
    head = read_head(data)
    assert head is not None
    assert (head.length, head.is_last) == (0, True)
    connection: Any = SimpleNamespace(cfg=None, unreader=None, source_addr=("127.0.0.1", 1), req_count=1, environ={})
    assert Request(head, data, connection).should_close()


@pytest.mark.parametrize(
    "data",
    [
        NGINX[:-1],
        NGINX.replace(b"\r\n\r\n", b"\n\n"),
        b"\r\n" + NGINX,
        GET.replace(b"GET", b"get") + b"\r\n",
        GET.replace(b"GET", b"CONNECT") + b"\r\n",
        GET.replace(b"1.1", b"1.0") + b"\r\n",
        *(GET.replace(b" / ", b" " + target + b" ") + b"\r\n" for target in (b"*", b"//a", b"http://x/", b"/#", b"/ ")),
        *(GET.replace(b" / ", b" /" + byte + b" ") + b"\r\n" for byte in (b"\x00", b"\t", b"\x7f", b"\xe9")),
        b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        *(
            GET + field + b"\r\n\r\n"
            for field in (
                b"Host: y",
                b"host: x",
                b"Accept: a\r\nAccept: b",
                b"Transfer-Encoding: chunked",
                b"Expect: 100-continue",
                b"Upgrade: websocket",
                b"Upgrade: websocket\r\nConnection: close",
                b"Upgrade: websocket, h2c\r\nConnection: upgrade",
                b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings",
                b"Connection: upgrade",
                b"Connection: close, te",
                b"Content-Length:",
                b"Content-Length: +2",
                b"Content-Length: -2",
                b"Content-Length: 2 2",
                b"Content-Length: 2,2",
                b"Content-Length: 2\r\nContent-Length: 2",
                b"Content-Length: 1000000000",
                b"X_Under: 1",
                b"X : 1",
                b" X: 1",
                b"X: 1\r\n 2",
                b"X: a\rb",
                b"X: a\nb",
                b"X: \x00",
                b"X: \x7f",
                b"X: \xe9",
                b"X\xe9: 1",
                b"no colon",
                b": 1",
                b"X: " + b"x" * 8190,
                b"\r\n".join(b"X-%d: 1" % number for number in range(100)),
            )
        ),
    ],
    ids=lambda data: repr(data[-40:]),
)
def test_anything_else_is_left_to_gunicorn(data: bytes) -> None:
    assert read_head(data) is None


def test_a_request_and_its_environ_go_when_they_are_done() -> None:
    """A cycle would stay until the garbage collector runs, hours later."""
    cfg: Any = SimpleNamespace()
    connection: Any = SimpleNamespace(
        cfg=cfg, unreader=None, source_addr=("127.0.0.1", 1), req_count=1, environ={"SERVER_NAME": "127.0.0.1"}
    )
    head = read_head(NGINX)
    assert head is not None
    gc.collect()
    gc.disable()
    try:
        request = Request(head, NGINX + b"{}", connection)
        _, environ = ordinary.create(request, None, ("127.0.0.1", 1), ("127.0.0.1", 2), cfg)
        assert environ["wsgi.input"].read() == b"{}"
        reference = weakref.ref(request)
        del request, environ, _
        assert reference() is None
    finally:
        gc.enable()
    assert wsgi.create is not ordinary.create, "nothing is installed by an import"
