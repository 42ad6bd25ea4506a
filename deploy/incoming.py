"""Incoming requests: a deadline for each body, and gunicorn's own refusals in the API's envelope.

gunicorn gives a head `keepalive` seconds to arrive and a body unlimited time. Its errors while a body is read are
exceptions of its own; here they become standard ones that an app can catch: TimeoutError for a body that did not arrive
in time, OSError for any other body that did not arrive as announced. Afterwards the connection is closed, since the
start of the next request is unknown.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
import weakref
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import gevent
from gunicorn import util
from gunicorn.http import body, errors, message, parser

_LARGEST_CHUNK = 2**31 - 1
_LINGER_SECONDS = 1.0
_LINGER_BYTES = 1 << 20
_RETRY_SECONDS = 5  # about as long as gunicorn keeps an idle connection
_REQUEST_ID_LINE = re.compile(rb"\r\nx-request-id:[ \t]*([\x21-\x7e]([\x20-\x7e]{0,62}[\x21-\x7e])?)[ \t]*\r\n", re.I)

# The first matching type decides; nginx's texts for the same errors are in deploy/nginx/errors.conf.
_Answer = tuple[int, str, str]
_ANSWERS: dict[type[Exception], _Answer] = {
    errors.LimitRequestLine: (414, "uri_too_long", "The address is too long."),
    errors.LimitRequestHeaders: (431, "headers_too_large", "The headers are too large."),
    errors.ExpectationFailed: (417, "expectation_failed", "This server knows no expectation but 100-continue."),
    errors.UnsupportedTransferCoding: (501, "not_implemented", "This server reads no transfer coding but chunked."),
    errors.InvalidHTTPVersion: (505, "http_version_not_supported", "This server speaks HTTP/1.1."),
    errors.ParseException: (400, "bad_request", "The request can't be read."),
}
_TOO_MANY: _Answer = (429, "rate_limited", "Too many connections from your address. Try again in a moment.")
# The caller is unknown, so these refusals tell nothing but the status: a page of any origin may read them.
_FOR_ALL_ORIGINS = (
    "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: X-Request-ID, Retry-After, RateLimit-Limit, "
    "RateLimit-Remaining, RateLimit-Reset\r\n"
)
_BROKEN: _Answer = (500, "internal_error", "Something went wrong here. It was logged.")


class LateBody(errors.NoMoreData, TimeoutError):  # type: ignore[misc]
    """The body did not arrive in time."""


class BrokenBody(errors.NoMoreData):  # type: ignore[misc]
    """The body does not have the framing that HTTP requires."""


class Chunks(body.ChunkedReader):  # type: ignore[misc]
    """gunicorn's reader of chunks, which refuses at once a body that could only end at the deadline."""

    def read_into(self, unreader: Any, buf: bytearray) -> None:
        """Read more of a line into `buf`. Raises `InvalidChunkSize` if a line in it ends with a bare LF."""
        if buf.count(b"\n") != buf.count(b"\r\n"):
            raise errors.InvalidChunkSize(b"bare LF")
        super().read_into(unreader, buf)

    def parse_chunk_size(self, unreader: Any, data: bytes | None = None) -> tuple[int, bytes]:
        """Return the size of the next chunk and the part of it that has arrived. Raises `InvalidChunkSize`."""
        size, rest = super().parse_chunk_size(unreader, data)
        if size > _LARGEST_CHUNK:
            raise errors.InvalidChunkSize(b"too large")
        return size, rest


class Body(body.Body):  # type: ignore[misc]
    """gunicorn's body, with a deadline and with errors that an app can catch."""

    def __init__(self, request: Any, reader: Any, seconds: float) -> None:
        super().__init__(reader)
        self._request = weakref.ref(request)  # a cycle would stay until the garbage collector runs, hours later
        self._deadline = time.monotonic() + seconds

    def _read_reader(self, size: int) -> bytes:
        if getattr(self.reader, "length", size) == 0:
            return b""
        seconds = max(0.001, self._deadline - time.monotonic())
        try:
            with gevent.Timeout(seconds, LateBody()):
                data: bytes = super()._read_reader(size)
                return data
        except errors.ParseException as error:
            raise BrokenBody() from error
        finally:
            if self.failed and (request := self._request()):
                request.force_close()


class Request(message.Request):  # type: ignore[misc]
    """gunicorn's request, which remembers the bytes of its head, for an answer to a head that can't be read."""

    body: Any
    path: str | None
    body_seconds = 10.0

    def __init__(self, cfg: Any, unreader: Any, peer_addr: Any, req_number: int = 1) -> None:
        self._head = bytearray()
        try:
            super().__init__(cfg, unreader, peer_addr, req_number)
        except errors.ParseException as error:
            error.unread_request = self
            raise
        self.path = self.path or "/"  # an absolute address may have no path: `GET http://fairboard.example`

    def read_into(self, unreader: Any, buf: bytearray, stop: bool = False) -> None:
        """Read more of the head into `buf`."""
        self._head = buf
        super().read_into(unreader, buf, stop)

    def set_body_reader(self) -> None:
        """Choose how the body is read.

        Raises `UnsupportedTransferCoding` for a body that is compressed for transfer.
        """
        super().set_body_reader()
        reader = self.body.reader
        if isinstance(reader, body.ChunkedReader):
            if self.must_close:  # gunicorn would pass it on compressed
                raise errors.UnsupportedTransferCoding("compressed")
            self.body = Body(self, Chunks(self, self.unreader), self.body_seconds)
        elif reader.length > self.unreader.buf.tell():  # else all of it has arrived
            self.body = Body(self, reader, self.body_seconds)

    def request_id(self) -> str:
        """Return the id that the client sent, if it has arrived and is valid, or a new one."""
        lines, end, _ = self._head.partition(b"\r\n\r\n")  # the next request may have come with this one
        line = _REQUEST_ID_LINE.search(b"\r\n" + lines + end[:2])
        return line[1].decode("ascii") if line else uuid4().hex

    def wants_content(self) -> bool:
        """Return whether an answer may have content: one to HEAD has none."""
        return not self._head.lstrip(b"\r\n").startswith(b"HEAD ") and getattr(self, "method", "") != "HEAD"

    def has_rest(self) -> bool:
        """Return whether the client may be sending a body still."""
        if not isinstance(self.body, body.Body):  # all of it has arrived
            return False
        reader = self.body.reader
        return bool(self.body.failed or getattr(reader, "length", 0) or getattr(reader, "parser", None))


def install(body_seconds: float) -> None:
    """Use these requests in this process. gunicorn has no setting for it."""
    Request.body_seconds = body_seconds
    parser.RequestParser.mesg_class = Request


def refuse(client: Any, request: Any, error: BaseException) -> int:
    """Answer a request that the app never saw, or could not answer; return the status."""
    request = request or getattr(error, "unread_request", None)
    is_ours = isinstance(request, Request)
    request_id = request.request_id() if is_ours else uuid4().hex
    answer = next((answer for error_type, answer in _ANSWERS.items() if isinstance(error, error_type)), _BROKEN)
    if isinstance(error, errors.InvalidResponseHeader | errors.InvalidResponseHeaderName):
        answer = _BROKEN
    with contextlib.suppress(Exception):
        util.write_nonblock(client, _envelope(answer, request_id, has_content=not is_ours or request.wants_content()))
        if answer is not _BROKEN:
            linger(client)
    return answer[0]


def linger(client: Any) -> None:
    """Read the bytes that the client still sends, for a moment: closing on unread bytes would discard the answer."""
    remaining_bytes = _LINGER_BYTES
    with contextlib.suppress(OSError), gevent.Timeout(_LINGER_SECONDS, TimeoutError()):
        client.shutdown(socket.SHUT_WR)
        while remaining_bytes > 0 and (data := client.recv(65_536)):
            remaining_bytes -= len(data)


def refuse_connection(client: socket.socket, limit: int) -> None:
    """Answer 429 without reading a request, as nginx does, and hang up; `limit` connections are allowed."""
    headers = {
        "Retry-After": _RETRY_SECONDS,
        "RateLimit-Limit": limit,
        "RateLimit-Remaining": 0,
        "RateLimit-Reset": _RETRY_SECONDS,
    }
    with contextlib.suppress(OSError):  # do not wait to send the answer
        client.setblocking(False)
        client.send(_envelope(_TOO_MANY, uuid4().hex, has_content=True, headers=headers))
        client.shutdown(socket.SHUT_WR)
    client.close()


def _envelope(
    answer: _Answer, request_id: str, *, has_content: bool, headers: Mapping[str, int] | None = None
) -> bytes:
    status, code, text = answer
    error = {"code": code, "message": text}
    content = json.dumps({"meta": {"code": status, "request_id": request_id}, "error": error}).encode()
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\nX-Request-ID: {request_id}\r\nX-Content-Type-Options: nosniff\r\n"
        f"{_FOR_ALL_ORIGINS}{lines}Cache-Control: no-store\r\n\r\n"
    )
    return head.encode("ascii") + (content if has_content else b"")
