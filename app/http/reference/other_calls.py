"""The calls beside the API: health, metrics, pages, these documents, and the handshake of a socket."""

from __future__ import annotations

from typing import Literal

from app import errors
from app.http.answers.base import Answered
from app.http.reference.call import ANYONE, API, OPERATOR, Call, Failure
from app.ws.routes import HandshakeQuery

_OPERATIONS = "Operations"
_PAGES = "Pages and documents"
_PAGE_HEADERS = (
    "ETag",
    "Content-Security-Policy",
    "Cross-Origin-Embedder-Policy",
    "Cross-Origin-Opener-Policy",
    "Cross-Origin-Resource-Policy",
    "Permissions-Policy",
    "Referrer-Policy",
    "X-Frame-Options",
)


class Alive(Answered):
    """A process that answers."""

    status: Literal["ok"]


class Ready(Answered):
    """A process whose parts answer, too."""

    status: Literal["ready"]


def _page(rule: str, summary: str, description: str = "") -> Call:
    return Call(
        "GET",
        rule,
        summary,
        _PAGES,
        ANYONE,
        {200: str, 304: None},
        description=description,
        has_etag=True,
        media_type="text/html",
        headers=_PAGE_HEADERS,
    )


def _document(rule: str, summary: str) -> Call:
    return Call("GET", rule, summary, _PAGES, ANYONE, {200: dict[str, object], 304: None}, has_etag=True, is_bare=True)


CALLS = [
    Call(
        "GET",
        f"{API}/ws/leaderboard",
        "Open a socket",
        "Sockets",
        ANYONE,
        {101: None},
        (
            Failure(400, "invalid_handshake"),
            errors.Forbidden,
            Failure(426, "upgrade_required"),
            errors.TooManySockets,
        ),
        query=HandshakeQuery,
        description="The handshake of a WebSocket. `/asyncapi.json` describes the messages on it.",
        headers=("Upgrade", "Sec-WebSocket-Version"),
    ),
    Call("GET", "/healthz", "Ask whether a process answers", _OPERATIONS, ANYONE, {200: Alive}),
    Call(
        "GET",
        "/readyz",
        "Ask whether the parts that a process needs answer",
        _OPERATIONS,
        OPERATOR,
        {200: Ready},
        (errors.Unavailable,),
        description="A 503 names the parts.",
    ),
    Call("GET", "/metrics", "Read the metrics", _OPERATIONS, OPERATOR, {200: str}, media_type="text/plain"),
    _page("/", "Show the live board"),
    _page("/embed", "Show one board in a frame", "`?board=main` names the board."),
    _page("/docs", "Show this reference"),
    _page("/docs/messages", "Show the reference of messages"),
    Call(
        "GET",
        "/static/<path:filename>",
        "Read a file of the pages",
        _PAGES,
        ANYONE,
        {200: str, 304: None},
        has_etag=True,
        media_type="*/*",
        headers=(*_PAGE_HEADERS, "Accept-Ranges", "Last-Modified", "Content-Disposition"),
    ),
    _document("/openapi.json", "Read this document"),
    _document("/asyncapi.json", "Read the document of messages"),
]
