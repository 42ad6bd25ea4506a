"""Head and body of an answer in one send: gunicorn makes two system calls, and the client wakes up twice."""

from __future__ import annotations

from typing import Any

from gunicorn.http import wsgi


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

    def close(self) -> None:
        """End the answer; an answer without a body is sent here."""
        super().close()
        self.sock.flush()


def install() -> None:
    """Use this response class in this process. gunicorn has no setting for it."""
    wsgi.Response = Response
