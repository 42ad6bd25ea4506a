"""The live board at `/`, for people: one page, its scripts and styles, nothing from anywhere else.

The page holds no secrets and no data: it speaks to the public API like any other client. What is guarded here
is the page itself: a content security policy that runs only the scripts of this folder, and no framing.
"""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request

from app.http.envelope import outside
from app.http.etags import quoted_tags

page = Blueprint("page", __name__, template_folder="templates", static_folder="static", static_url_path="/static")

# 'self' in connect-src covers the WebSocket too. Trusted Types make a later innerHTML fail instead of opening a hole.
POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)

HEADERS = {
    "Content-Security-Policy": "; ".join(POLICY),
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@page.before_request
def read_tags() -> None:
    """Drop what is no tag from If-None-Match: the library would compare it too."""
    given = request.environ.get("HTTP_IF_NONE_MATCH")
    if given is not None:
        request.environ["HTTP_IF_NONE_MATCH"] = quoted_tags(given)


@page.get("/")
def board() -> Response:
    """The page. The same bytes for everyone, so that a browser may ask whether its copy is still good."""
    response = make_response(render_template("board.html"))
    response.add_etag()
    response.make_conditional(request)
    return response


@page.after_request
def guard(response: Response) -> Response:
    """Headers for the page and its files. Kept copies are always asked about first: a new release shows at once."""
    response.headers.update(HEADERS)
    response.headers["Cache-Control"] = "no-cache"
    return outside(response)
