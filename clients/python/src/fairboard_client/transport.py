"""The parts that the blocking and the asynchronous transport share."""

from __future__ import annotations

import httpx

from fairboard_client.wire import Lost, Reply

TIMEOUT = 10.0  # seconds; a stalled connection counts as lost after that
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def base_of(url: str) -> str:
    """Return the server's address without a slash at its end. Raises `ValueError` if it is no http address."""
    parsed = httpx.URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"{url!r} is no http address")
    return url.rstrip("/")


def reply(response: httpx.Response) -> Reply:
    """Return an answer as a value."""
    return Reply(response.status_code, response.headers, response.content)


def lost(error: httpx.RequestError) -> Lost:
    """Return the outcome of a request that failed."""
    return Lost(f"{type(error).__name__}: {error}".rstrip(": "), was_sent=not isinstance(error, _NEVER_SENT))
