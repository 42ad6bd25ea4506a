"""The public HTTP API, as any client meets it: standard library, one kept connection for each player."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_PREFIX = "/api/v1"
_TIMEOUT_SECONDS = 15.0
# Servers close idle connections after a few seconds. A new one is better than a request lost on a closed one.
_KEPT_SECONDS = 2.0


class Unreachable(Exception):
    """No answer came: it is not known whether the request was carried out."""


@dataclass(frozen=True)
class Answer:
    """`data` of an answer, or the `code` and `message` of a refusal."""

    status: int
    data: Any
    code: str
    message: str
    retry_after: float
    replayed: bool

    @property
    def refusal(self) -> str:
        """Such as `403 token_already_used`."""
        return f"{self.status} {self.code}"


class Api:
    """Calls from one thread. Raises Unreachable."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http address")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS)
        self._used = 0.0

    def call(self, method: str, path: str, body: Any = None, *, bearer: str = "", key: str = "") -> Answer:
        """One request under /api/v1; `key` is the Idempotency-Key."""
        headers = {"Accept": "application/json"}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        if key:
            headers["Idempotency-Key"] = key
        if body is not None:
            headers["Content-Type"] = "application/json"
        if time.monotonic() - self._used > _KEPT_SECONDS:
            self._connection.close()
        try:
            sent = None if body is None else json.dumps(body).encode()
            self._connection.request(method, _PREFIX + path, body=sent, headers=headers)
            response = self._connection.getresponse()
            answer = _read(response, response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        self._used = time.monotonic()
        return answer

    def close(self) -> None:
        """Give the connection back."""
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
