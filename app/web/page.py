"""The live board at `/`, for people: one page with its scripts and styles, and no file from another server.

The page holds no secrets and no data: it speaks to the public API like any other client. This module guards the
page itself: a content security policy that runs only the scripts of this folder, and no framing.
"""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request

from app.http.envelope import add_headers
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
def prepare_conditions() -> None:
    """Drop parts that are no tag from If-None-Match, which the library would compare too, and what no read heeds.

    The library would answer a false If-Match with 412 and the page, and several ranges with 416.
    """
    environ = request.environ
    for name in ("HTTP_IF_MATCH", "HTTP_RANGE"):
        environ.pop(name, None)
    header = environ.get("HTTP_IF_NONE_MATCH")
    if header is not None:
        environ["HTTP_IF_NONE_MATCH"] = quoted_tags(header)


@page.get("/")
def board() -> Response:
    """Return the page. Its bytes are the same for every visitor, so a browser may revalidate its copy."""
    response = make_response(render_template("board.html"))
    response.add_etag()
    response.make_conditional(request)
    return response


@page.after_request
def guard(response: Response) -> Response:
    """Add the headers of the page and its files. Browsers revalidate every copy, so a new release shows at once."""
    response.headers.update(HEADERS)
    response.headers["Cache-Control"] = "no-cache"
    return add_headers(response)
