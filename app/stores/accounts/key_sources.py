"""Where an identity provider's key set is read: a file, or an address of the provider."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from app.domain.provider_keys import LONGEST_SET

_STEP_SECONDS = 3.0  # to connect, and for each further byte
_WHOLE_SECONDS = 5.0
_MOST = LONGEST_SET + 1


class KeySource(Protocol):
    """A place with a key set. `name` says in messages which; `fresh_seconds`: how long what was read is good."""

    name: str
    fresh_seconds: float
    pause_seconds: float

    def read(self) -> bytes:
        """Return the text. Raises OSError, ValueError or http.client.HTTPException."""


def key_source(place: str) -> KeySource:
    """Return the source for IDENTITY_JWKS."""
    return KeyUrl(place) if "://" in place else KeyFile(place)


class KeyFile:
    """A file on this machine, whose changes are seen within seconds."""

    fresh_seconds, pause_seconds = 5.0, 1.0

    def __init__(self, path: str) -> None:
        self._path, self.name = Path(path), path

    def read(self) -> bytes:
        """Return the file's content, at most one byte more than a key set may have."""
        with self._path.open("rb") as file:
            return file.read(_MOST)


class KeyUrl:
    """An address of the provider. No redirect is followed, and no proxy is used: the keys decide who gets in."""

    fresh_seconds, pause_seconds = 300.0, 5.0

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self.name = f"{self._parts.scheme}://{self._parts.netloc}"

    def read(self) -> bytes:
        """Return the answer's body, within 5 s whatever the server does, at most one byte more than a key set has."""
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(str(self._parts.hostname), self._parts.port, timeout=_STEP_SECONDS)
        limit = _Limit(connection)
        limit.start()
        try:
            return self._ask(connection, limit)
        finally:
            limit.cancel()
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, limit: _Limit) -> bytes:
        connection.connect()
        limit.sock = connection.sock
        path = self._parts.path or "/"
        target = f"{path}?{self._parts.query}" if self._parts.query else path
        connection.request("GET", target, headers={"Accept": "application/json", "User-Agent": "fairboard"})
        with connection.getresponse() as response:
            if response.status != http.client.OK:
                raise ValueError(f"the answer has the status {response.status}")
            body = response.read(_MOST)
        if limit.is_reached:
            raise TimeoutError("the answer did not arrive in time")
        return body


class _Limit(threading.Timer):
    """Ends a connection after a time, however slowly its server sends: a socket's timeout starts anew at each byte."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        super().__init__(_WHOLE_SECONDS, self._end)
        self.daemon = True
        self.is_reached = False
        self.sock: socket.socket | None = None
        self._connection = connection

    def _end(self) -> None:
        self.is_reached = True
        sock = self.sock or self._connection.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
