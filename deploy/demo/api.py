"""The public HTTP API for a client: standard library, one kept connection for each player."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_PREFIX = "/api/v1"
_TIMEOUT_SECONDS = 15.0
# Servers close idle connections after a few seconds. A new connection is better than a request lost on a closed one.
_MAX_IDLE_SECONDS = 2.0


class Unreachable(Exception):
    """No answer came: it is unknown whether the request was carried out."""


@dataclass(frozen=True)
class Answer:
    """The `data` of an answer, or the `code` and `message` of a refusal."""

    status: int
    data: Any
    code: str
    message: str
    retry_after: float
    replayed: bool

    @property
    def refusal(self) -> str:
        """Return the status and code, such as `403 token_already_used`."""
        return f"{self.status} {self.code}"


class Api:
    """A connection to the API for one thread. Its calls raise `Unreachable`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http address")
        connection_type = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = connection_type(parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS)
        self._last_used = 0.0

    def call(self, method: str, path: str, body: Any = None, *, bearer: str = "", key: str = "") -> Answer:
        """Send one request under /api/v1 and return its answer; `key` is the Idempotency-Key. Raises `Unreachable`."""
        headers = {"Accept": "application/json"}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        if key:
            headers["Idempotency-Key"] = key
        if body is not None:
            headers["Content-Type"] = "application/json"
        if time.monotonic() - self._last_used > _MAX_IDLE_SECONDS:
            self._connection.close()
        try:
            payload = None if body is None else json.dumps(body).encode()
            self._connection.request(method, _PREFIX + path, body=payload, headers=headers)
            response = self._connection.getresponse()
            answer = _read(response, response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        self._last_used = time.monotonic()
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _read(response: http.client.HTTPResponse, raw: bytes) -> Answer:
    body = json.loads(raw) if raw else {}
    error = body.get("error") or {}
    return Answer(
        status=response.status,
        data=body.get("data"),
        code=error.get("code", ""),
        message=error.get("message", ""),
        retry_after=float(response.headers.get("Retry-After") or 1),
        replayed=response.headers.get("Idempotency-Replayed") == "true",
    )
