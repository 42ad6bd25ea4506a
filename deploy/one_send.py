"""Head and body of an answer in one send: gunicorn makes two system calls, and the client wakes up twice.

The head is also made in less time: `Date` once a second, and each name of a header field is checked once.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.http.message import TOKEN_RE


class _BufferedSocket:
    """A socket that buffers its first bytes, the head, until there is more to send with them."""

    def __init__(self, sock: Any) -> None:
        self._sock, self._head = sock, b""
        self._has_begun = False

    def sendall(self, data: bytes) -> None:
        if not self._has_begun:
            self._has_begun, self._head = True, data
        else:
            self._sock.sendall(self._take() + data)

    def sendfile(self, *args: Any, **kwargs: Any) -> Any:
        self.flush()
        return self._sock.sendfile(*args, **kwargs)

    def flush(self) -> None:
        if self._head:
            self._sock.sendall(self._take())

    def _take(self) -> bytes:
        head, self._head = self._head, b""
        return head


class Response(wsgi.Response):  # type: ignore[misc]
    """gunicorn's response, with head and body in one send."""

    def __init__(self, req: Any, sock: Any, cfg: Any) -> None:
        super().__init__(req, _BufferedSocket(sock), cfg)

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """Keep these header fields. gunicorn looks at each that isn't plain. Raises its errors."""
        for name, value in headers:
            if type(value) is str and value.isascii() and value.isprintable() and _is_plain(name):
                self.headers.append((name, value.strip(" ")))
            else:
                super().process_headers([(name, value)])

    def default_headers(self) -> list[str]:
        """Return the first lines of the head, as gunicorn does."""
        connection = "upgrade" if self.upgrade else "close" if self.should_close() else "keep-alive"
        major, minor = self.req.version
        lines = [
            f"HTTP/{major}.{minor} {self.status}\r\nServer: {self.version}\r\nDate: {_date(int(time.time()))}\r\n",
            f"Connection: {connection}\r\n",
        ]
        if self.chunked:
            lines.append("Transfer-Encoding: chunked\r\n")
        return lines

    def close(self) -> None:
        """End the answer; an answer without a body is sent here."""
        super().close()
        self.sock.flush()


@lru_cache(maxsize=256)
def _is_plain(name: str) -> bool:
    """Return whether a header field of this name is sent as it is. Raises TypeError for a name that is no text."""
    return bool(TOKEN_RE.fullmatch(name)) and name.lower() != "content-length" and not util.is_hoppish(name)


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    text: str = util.http_date(second)
    return text


def install() -> None:
    """Use this response class in this process. gunicorn has no setting for it."""
    wsgi.Response = Response
