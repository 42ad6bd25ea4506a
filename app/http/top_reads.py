"""The board's most asked question, answered ahead of Flask while the last answer is fresh.

`GET /leaderboard/top` is the same for everybody within a second of the clock. The view keeps what it rendered here to
the end of that second; until then the same question costs neither Flask's dispatch nor a command to Redis. Everything
else, and every first question, goes to the view, which alone knows what is valid.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from limits import RateLimitItem
from limits.strategies import RateLimiter

from app import metrics
from app.domain.networks import network_of
from app.http.envelope import NOSNIFF, envelope, known_or_new_id
from app.http.etags import is_known
from app.http.request_metrics import count_kept

PATH = "/api/v1/leaderboard/top"
EXPIRES = "X-Accel-Expires"  # tells nginx, which drops it, how long its cache may show the answer
_MOST_KEPT = 100
_BATCH_SECONDS = 0.1
_MOST_ADDRESSES = 10_000

StartResponse = Callable[..., Any]
Wsgi = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class ReadCounter:
    """Counts reads on flask-limiter's own counters, in small batches while an address is far from its limit.

    From half the limit on every read is counted on the spot, so that the limit itself stays exact across processes:
    what a process has not reported yet is at most a thirtieth of the limit, and a tenth of a second old.
    """

    def __init__(self, limiter: Callable[[], RateLimiter], item: RateLimitItem, *names: str) -> None:
        self._limiter, self._item = limiter, item
        self._before, self._after = names[:1], names[1:]
        self._batch = item.amount // 30 if item.amount >= 60 else 1
        self._batch = min(self._batch, 20)
        self._seen: dict[str, tuple[int, int, float]] = {}  # address: reported, not reported, when

    def admit(self, address: str) -> bool:
        """Count one read; False when the address is over its limit. Raises what Redis raises."""
        reported, waiting, since = self._seen.get(address, (0, 0, 0.0))
        waiting += 1
        near = 2 * (reported + waiting) >= self._item.amount
        if not near and waiting < self._batch and time.monotonic() - since < _BATCH_SECONDS:
            self._seen[address] = reported, waiting, since
            return True
        if len(self._seen) > _MOST_ADDRESSES:
            self._seen.clear()
        key = self._item.key_for(*self._before, address, *self._after)
        total = self._limiter().storage.incr(key, self._item.get_expiry(), waiting)
        self._seen[address] = total, 0, time.monotonic()
        return bool(total <= self._item.amount)


class TopReads:
    """WSGI middleware in front of the Flask app."""

    def __init__(self, app: Wsgi, reads: ReadCounter) -> None:
        self._app, self._reads = app, reads
        self._kept: dict[str, tuple[int, str, str]] = {}  # query string: second, rows, tag

    def keep(self, query: str, rows: str, tag: str, second: int) -> None:
        """The view's answer to this query string in one second of Unix time: rows as JSON text, and their tag."""
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[query] = second, rows, tag

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH or environ["REQUEST_METHOD"] != "GET":
            return self._app(environ, start_response)
        kept = self._kept.get(environ.get("QUERY_STRING", ""))
        if kept is None or kept[0] != int(time.time()) or not self._admit(environ):
            return self._app(environ, start_response)
        return self._answer(environ, start_response, *kept)

    def _admit(self, environ: dict[str, Any]) -> bool:
        """Over the limit, or Redis away: the view says so in the contract's words."""
        try:
            return self._reads.admit(network_of(environ.get("REMOTE_ADDR") or "unknown"))
        except Exception:  # noqa: BLE001 - the view meets the same error and has the words for it
            return False

    def _answer(
        self, environ: dict[str, Any], start_response: StartResponse, second: int, rows: str, tag: str
    ) -> Iterable[bytes]:
        began = time.perf_counter()
        request_id = known_or_new_id(environ.get("HTTP_X_REQUEST_ID", ""))
        headers = [
            ("X-Request-ID", request_id),
            ("ETag", f'W/"{tag}"'),
            ("X-Cache", "HIT"),
            ("Cache-Control", "no-cache"),
            NOSNIFF,
            (EXPIRES, f"@{second}"),
        ]
        metrics.kept_reads.inc()
        if is_known(environ.get("HTTP_IF_NONE_MATCH"), tag):
            count_kept(PATH, 304, time.perf_counter() - began)
            start_response("304 NOT MODIFIED", headers)
            return []
        body = envelope(rows, 200, request_id).encode()
        count_kept(PATH, 200, time.perf_counter() - began)
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response("200 OK", headers)
        return [body]
