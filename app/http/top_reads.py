"""The board's most frequent read, answered ahead of Flask while the last response is fresh.

`GET /leaderboard/top` is the same for all callers within a second of the clock. The view stores its rendered rows here
to the end of that second; until then the same query costs neither Flask's dispatch nor a command to Redis. All other
requests, and the first read of a query in a second, go to the view, which alone knows the valid parameters.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limits import RateLimitItem
from limits.strategies import RateLimiter

from app import metrics
from app.domain.networks import network_of
from app.http.api_keys import presented_key
from app.http.envelope import NOSNIFF, envelope, known_or_new_id
from app.http.etags import is_known
from app.http.json_body import has_body
from app.http.request_metrics import count_cached_read

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/api/v1/leaderboard/top"
EXPIRES = "X-Accel-Expires"  # tells nginx how long its cache may serve the response; nginx drops the header
_MAX_ENTRIES = 100
_BATCH_SECONDS = 0.1
_MAX_ADDRESSES = 10_000


@dataclass(frozen=True, slots=True)
class RenderedTop:
    """A top list as JSON text, how many players are ranked, the links of the response, and its entity tag."""

    rows: str
    total: int
    links: dict[str, str]
    tag: str


def rendered_top(rows: str, total: int, links: dict[str, str]) -> RenderedTop:
    """Return the list with its tag. Responses that differ only in their request ids are the same to a reader."""
    text = f"{total} {links} {rows}"
    return RenderedTop(rows, total, links, hashlib.blake2b(text.encode(), digest_size=12).hexdigest())


class ReadCounter:
    """A counter of reads on flask-limiter's own counters, in small batches while an address is far from its limit.

    From half the limit on, every read is counted at once, so that the limit itself stays exact across processes: the
    reads that a process has not reported yet are at most a thirtieth of the limit, and a tenth of a second old.
    """

    def __init__(self, limiter: RateLimiter, item: RateLimitItem, *names: str) -> None:
        self._limiter, self._item = limiter, item
        self._key_prefix, self._key_suffix = names[:1], names[1:]
        self._batch_size = item.amount // 30 if item.amount >= 60 else 1
        self._batch_size = min(self._batch_size, 20)
        self._counts: dict[str, tuple[int, int, float]] = {}  # address: reported, unreported, time of the last report

    def admit(self, address: str) -> bool:
        """Count one read. Return False when the address is over its limit. Raises the errors of Redis."""
        reported, unreported, reported_at = self._counts.get(address, (0, 0, 0.0))
        unreported += 1
        is_near = 2 * (reported + unreported) >= self._item.amount
        if not is_near and unreported < self._batch_size and time.monotonic() - reported_at < _BATCH_SECONDS:
            self._counts[address] = reported, unreported, reported_at
            return True
        if len(self._counts) > _MAX_ADDRESSES:
            self._counts.clear()
        key = self._item.key_for(*self._key_prefix, address, *self._key_suffix)
        total = self._limiter.storage.incr(key, self._item.get_expiry(), unreported)
        self._counts[address] = total, 0, time.monotonic()
        return bool(total <= self._item.amount)


class TopReads:
    """The WSGI middleware in front of the Flask app that answers fresh top reads."""

    def __init__(self, app: WSGIApplication, reads: ReadCounter) -> None:
        self._app, self._reads = app, reads
        self._entries: dict[str, tuple[int, RenderedTop]] = {}  # query string: second, list

    def store(self, query: str, top: RenderedTop, second: int) -> None:
        """Store the view's response to a query string for one second of Unix time."""
        if len(self._entries) >= _MAX_ENTRIES:
            self._entries.clear()
        self._entries[query] = second, top

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH or environ["REQUEST_METHOD"] != "GET" or has_body(environ) or _has_key(environ):
            return self._app(environ, start_response)
        entry = self._entries.get(environ.get("QUERY_STRING", ""))
        if entry is None or entry[0] != int(time.time()) or not self._admit(environ):
            return self._app(environ, start_response)
        return self._answer(environ, start_response, *entry)

    def _admit(self, environ: WSGIEnvironment) -> bool:
        """Count the read. Return False over the limit or without Redis: the view then sends the API's error."""
        try:
            return self._reads.admit(network_of(environ.get("REMOTE_ADDR") or "unknown"))
        except Exception:  # noqa: BLE001 - the view meets the same error and reports it in the API's words
            return False

    def _answer(
        self, environ: WSGIEnvironment, start_response: StartResponse, second: int, top: RenderedTop
    ) -> Iterable[bytes]:
        started_at = time.perf_counter()
        request_id = known_or_new_id(environ.get("HTTP_X_REQUEST_ID", ""))
        headers = [
            ("X-Request-ID", request_id),
            ("ETag", f'W/"{top.tag}"'),
            ("X-Cache", "HIT"),
            ("Cache-Control", "no-cache"),
            NOSNIFF,
            (EXPIRES, f"@{second}"),
        ]
        metrics.cached_reads.inc()
        if is_known(environ.get("HTTP_IF_NONE_MATCH"), top.tag):
            count_cached_read(PATH, 304, time.perf_counter() - started_at)
            start_response("304 NOT MODIFIED", headers)
            return []
        body = envelope(top.rows, 200, request_id, top.links, top.total).encode()
        count_cached_read(PATH, 200, time.perf_counter() - started_at)
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response("200 OK", headers)
        return [body]


def _has_key(environ: WSGIEnvironment) -> bool:
    """Return whether the caller sends an API key, which has a limit of its own."""
    return presented_key(environ.get("HTTP_AUTHORIZATION")) is not None
