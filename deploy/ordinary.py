"""A short way for ordinary requests: gunicorn takes several times as long to read one.

A request is ordinary if its whole head came with one read, in the form in which browsers and nginx write it, and if
nothing in it asks the server for more than an answer or a WebSocket. Any other request, an invalid one too, goes to
gunicorn's parser with the bytes that were read: this module refuses nothing, and accepts nothing that gunicorn would
not read in the same way. docs/decisions/0060-ordinary-requests.md has the measurements.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from gunicorn import http
from gunicorn.http import body, parser, wsgi

from deploy import incoming

# One expression for the whole head: a byte, a name or a space that it doesn't know makes the request gunicorn's.
_HEAD = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/(?:(?!/)[!\"$-~]+)?) HTTP/1\.1"
    rb"((?:\r\n[0-9A-Za-z-]+:[\t -~]*)+)\r\n\r\n"
)
_MOST_BYTES, _MOST_FIELDS = 8190, 100  # gunicorn's limits: of a line, and of the number of header fields
_MOST_DIGITS = 9
# Fields that change how a message is read or answered, beside Content-Length, Connection and Upgrade.
_UNUSUAL = {"TRANSFER-ENCODING", "EXPECT", "HTTP2-SETTINGS", "TE", "TRAILER"}
# Values of Connection for a value of Upgrade; browsers send the long one.
_CONNECTIONS = {"": ("keep-alive", "close"), "websocket": ("upgrade", "keep-alive, upgrade")}
# Under other settings than these, gunicorn reads an ordinary request in another way.
_SETTINGS: dict[str, Any] = {
    "certfile": None,
    "keyfile": None,
    "proxy_protocol": "off",
    "secure_scheme_headers": {},
    "limit_request_line": _MOST_BYTES,
    "limit_request_fields": _MOST_FIELDS,
    "limit_request_field_size": _MOST_BYTES,
}
# The keys of an environ that differ between requests of one connection, beside the header fields.
_OF_REQUEST = {"wsgi.input", "wsgi.early_hints", "REQUEST_METHOD", "RAW_URI", "PATH_INFO", "QUERY_STRING"}


class Head(NamedTuple):
    """The head of an ordinary request."""

    method: str
    target: str
    fields: dict[str, str]  # by their keys in a WSGI environ
    size: int  # bytes, up to the first byte of the body
    length: int  # bytes of the body
    is_last: bool  # the client wants the connection closed after the answer


def read_head(data: bytes) -> Head | None:
    """Return the head at the start of `data`, or None if the request isn't ordinary or the head isn't complete."""
    match = _HEAD.match(data)
    if match is None or match.end() > _MOST_BYTES:
        return None
    lines = match[3].decode("ascii").split("\r\n")
    if len(lines) > _MOST_FIELDS + 1:  # the first one is empty
        return None
    fields: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        key = _environ_key(name)
        if not key or key in fields:
            return None
        fields[key] = value.strip(" \t")
    length = fields.get("CONTENT_LENGTH", "0")
    connection = fields.get("HTTP_CONNECTION", "keep-alive").lower()
    if "HTTP_HOST" not in fields or connection not in _CONNECTIONS.get(fields.get("HTTP_UPGRADE", "").lower(), ()):
        return None
    if not length.isdecimal() or len(length) > _MOST_DIGITS:
        return None
    method, target = match[1].decode("ascii"), match[2].decode("ascii")
    return Head(method, target, fields, match.end(), int(length), connection == "close")


@lru_cache(maxsize=1024)
def _environ_key(name: str) -> str:
    """Return the key of a header field in a WSGI environ, or "" for a field of unusual requests."""
    upper = name.upper()
    if upper in _UNUSUAL:
        return ""
    key = upper.replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


class Request(incoming.Request):
    """An ordinary request, with the attributes that gunicorn's worker, response and log use."""

    def __init__(self, head: Head, data: bytes, connection: Parser) -> None:
        self.cfg, self.unreader, self.scheme = connection.cfg, connection.unreader, "http"
        self.peer_addr = self.remote_addr = connection.source_addr
        self.req_number, self.proxy_protocol_info = connection.req_count, None
        self.version, self.must_close = (1, 1), head.is_last
        self.trailers: list[tuple[str, str]] = []
        self.method, self.uri, self.fields, self.fragment = head.method, head.target, head.fields, ""
        self.path, _, self.query = head.target.partition("?")
        self.of_connection = connection.environ
        self._head = bytearray(data[: head.size])
        end = head.size + head.length
        if len(data) >= end:
            self.body = io.BytesIO(data[head.size : end])
            if len(data) > end:
                self.unreader.unread(data[end:])
        else:
            self.unreader.unread(data[head.size :])
            self.body = incoming.Body(self, body.LengthReader(self.unreader, head.length), self.body_seconds)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The header fields as gunicorn has them: names in capitals."""
        return [(key.removeprefix("HTTP_").replace("_", "-"), value) for key, value in self.fields.items()]

    def should_close(self) -> bool:
        """Return whether the connection ends with this request."""
        return self.must_close


class Parser(parser.RequestParser):  # type: ignore[misc]
    """gunicorn's parser of one connection, with the short way ahead of it."""

    mesg: Any

    def __init__(self, cfg: Any, source: Any, source_addr: Any) -> None:
        super().__init__(cfg, source, source_addr)
        self.environ: dict[str, Any] = {}  # what the environs of all requests of this connection have in common

    def __next__(self) -> Any:
        """Return the next request. Raises `StopIteration` at the end, and gunicorn's errors."""
        if self.mesg and (self.mesg.should_close() or not self.finish_body()):
            raise StopIteration
        data = self.unreader.read()
        if not data:
            raise StopIteration
        head = read_head(data)
        if head is None:
            self.unreader.unread(data)
            self.mesg = None  # it is finished
            return super().__next__()
        self.req_count += 1
        self.mesg = Request(head, data, self)
        return self.mesg


_create = wsgi.create


def create(req: Any, sock: Any, client: Any, server: Any, cfg: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Return a response and an environ. gunicorn makes those of the first request of a connection, and we the rest."""
    if not isinstance(req, Request) or not req.of_connection:
        response, environ = _create(req, sock, client, server, cfg, *args, **kwargs)
        if isinstance(req, Request):
            req.of_connection.update((k, environ[k]) for k in environ.keys() - req.fields.keys() - _OF_REQUEST)
        return response, environ
    response = wsgi.Response(req, sock, cfg)
    path = req.path or ""
    environ = {
        **req.of_connection,
        **req.fields,
        "wsgi.input": req.body,
        "wsgi.early_hints": wsgi._make_early_hints_callback(req, sock, response),
        "REQUEST_METHOD": req.method,
        "RAW_URI": req.uri,
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1") if "%" in path else path,
        "QUERY_STRING": req.query,
    }
    return response, environ


def install(cfg: Any, listeners: Iterable[Any]) -> None:
    """Read requests in this way in this process, if gunicorn's settings are those that this module knows."""
    is_known = all(getattr(cfg, name) == value for name, value in _SETTINGS.items())
    is_tcp = all(isinstance(listener.getsockname(), tuple) for listener in listeners)
    if is_known and is_tcp and not os.environ.get("SCRIPT_NAME"):
        http.RequestParser = Parser
        wsgi.create = create
