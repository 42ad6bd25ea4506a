"""Cross-origin resource sharing: which pages of other origins may call the API and read its answers.

Public reads are the same for every page. Everything else is for the pages of ALLOWED_ORIGINS. No answer allows
credentials: callers send bearer tokens, which a page has or has not, so a browser adds nothing of its own to a call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from flask import Flask, Response

from app.http.envelope import empty
from app.http.present import present_environ
from app.http.refused_origins import RefusedOrigins

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_API = "/api/v1/"
# Also paths that a router would refuse, such as one with a malformed id: the page shall read that refusal.
_PUBLIC_READS = re.compile(
    rf"{_API}(?:action-types|boards(?:/[^/]+(?:/seasons)?)?|leaderboard/(?:top|online|around|users/.+)|players/.+)",
    re.DOTALL,
)
_LOOKUP = f"{_API}leaderboard/lookup"  # a read whose question needs a body
_DOCUMENTS = frozenset(("/openapi.json", "/asyncapi.json"))

_Headers = list[tuple[str, str]]

_EXPOSED = (
    "X-Request-ID, ETag, Retry-After, Location, Idempotency-Replayed, RateLimit-Limit, RateLimit-Remaining, "
    "RateLimit-Reset"
)
_ON_ANSWERS: _Headers = [("Access-Control-Expose-Headers", _EXPOSED)]
_ON_PREFLIGHTS: _Headers = [
    ("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-ID"),
    ("Access-Control-Max-Age", "7200"),  # seconds: as long as any browser keeps the answer to a preflight
]


def is_public_read(method: str, path: str) -> bool:
    """Return whether the answer is for pages of all origins."""
    if method in ("GET", "HEAD"):
        return path in _DOCUMENTS or _PUBLIC_READS.fullmatch(path) is not None
    return method == "POST" and path == _LOOKUP


def _has_callers(path: str) -> bool:
    """Return whether pages of other origins may have a use for this path."""
    return path.startswith(_API) or path in _DOCUMENTS


def register(app: Flask) -> None:
    """Answer preflights of the API with 204, whether or not the call that follows will find anything.

    A browser hides the answer to a call whose preflight was refused, so the page could not read a 404.
    """
    app.before_request(_answer_preflight)


class CrossOrigin:
    """The WSGI middleware that adds the headers, to every answer: a cached one, a refusal and an error as well."""

    def __init__(self, app: WSGIApplication, allowed_origins: Collection[str]) -> None:
        self._app, self._allowed_origins = app, frozenset(allowed_origins)
        self._refused = RefusedOrigins()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        added = self._headers(environ) if _has_callers(environ["PATH_INFO"]) else None
        if not added:
            return self._app(environ, start_response)

        def start(status: str, headers: _Headers, exc_info: OptExcInfo | None = None) -> Callable[[bytes], object]:
            return start_response(status, headers + added, exc_info)

        return self._app(environ, start)

    def _headers(self, environ: WSGIEnvironment) -> _Headers:
        wanted_method = _wanted_method(environ)
        if is_public_read(wanted_method or environ["REQUEST_METHOD"], environ["PATH_INFO"]):
            headers = [("Access-Control-Allow-Origin", "*")]
        else:
            # Two lines of Origin arrive as one text, which is no origin.
            origin = environ.get("HTTP_ORIGIN")
            vary = [("Vary", "Origin")] if self._allowed_origins else []
            if origin not in self._allowed_origins:
                if wanted_method:  # a browser sends a preflight for a page of another origin only
                    self._refused.note(origin or "")
                return vary
            headers = [("Access-Control-Allow-Origin", origin), *vary]
        return headers + (_ON_ANSWERS if wanted_method is None else _ON_PREFLIGHTS)


def _wanted_method(environ: WSGIEnvironment) -> str | None:
    """Return the method that a preflight asks for; None for a request that is no preflight."""
    if environ["REQUEST_METHOD"] != "OPTIONS" or "HTTP_ORIGIN" not in environ:
        return None
    method: str | None = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
    return method


def _answer_preflight() -> Response | None:
    environ = present_environ()
    if _wanted_method(environ) is not None and _has_callers(environ["PATH_INFO"]):
        return empty(204)
    return None
