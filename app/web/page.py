"""The pages for people: the live board at `/`, `/embed`, one board for the pages of other sites, and `/docs`.

They have their scripts and styles here, no file from another server, no secrets and no data: they speak to the public
API like any other client. This module guards the pages themselves: a content security policy that runs only the
scripts of this folder, and no framing, except of `/embed` by the origins of EMBED_ANCESTORS.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, make_response, render_template, request

from app.http.envelope import add_headers
from app.http.etags import quoted_tags
from app.http.reference.message_page import messages_page
from app.http.services import container

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
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)

_EMBED = "page.embed"
_REFERENCE = "page.reference"
_INLINE_STYLES = "style-src 'self' 'unsafe-inline'"

# Streaming programs such as OBS put the CSS of a streamer into the page as a style element, which 'self' would block.
# The page writes the texts of players as text alone, so nobody else can add a style to it; scripts stay as strict.
EMBED_POLICY = (*(rule for rule in POLICY if not rule.startswith("style-src")), _INLINE_STYLES)

# The renderer of /docs writes its styles and its markup itself, and searches in a worker that it makes of its own text.
# It runs no script from elsewhere, and reads nothing but the document from this server.
REFERENCE_POLICY = (
    *(rule for rule in POLICY if not rule.startswith(("style-src", "img-src", "require-trusted", "trusted-types"))),
    _INLINE_STYLES,
    "img-src 'self' data:",
    "worker-src blob:",
)

_POLICIES = {_EMBED: EMBED_POLICY, _REFERENCE: REFERENCE_POLICY}

HEADERS = {
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
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
    """Return the live board."""
    return _render("board.html")


@page.get("/embed")
def embed() -> Response:
    """Return the page of one board, which its script reads from the address: `/embed?board=main`."""
    return _render("embed.html")


@page.get("/docs")
def reference() -> Response:
    """Return the page that renders /openapi.json."""
    return _render("reference.html")


@page.get("/docs/messages")
def reference_of_messages() -> Response:
    """Return /asyncapi.json as a page."""
    return _render("messages.html", **container().run_in_thread(messages_page))


def _render(template: str, **values: object) -> Response:
    """Return a page. Its bytes are the same for every visitor, so a browser may revalidate its copy."""
    response = make_response(render_template(template, **values))
    response.add_etag()
    response.make_conditional(request)
    return response


@page.after_request
def guard(response: Response) -> Response:
    """Add the headers of the page and its files. Browsers revalidate every copy, so a new release shows at once."""
    ancestors = container().settings.embed_ancestors if request.endpoint == _EMBED else ()
    policy = _POLICIES.get(request.endpoint or "", POLICY)
    response.headers.update({**HEADERS, **_framing(ancestors, policy)})
    response.headers["Cache-Control"] = "no-cache"
    return add_headers(response)


def _framing(ancestors: Sequence[str], rules: Sequence[str]) -> dict[str, str]:
    """Return the headers that let the pages of these origins frame a page, and no others.

    X-Frame-Options knows no list of origins. A page that isolates itself from other origins may frame only pages that
    say by Cross-Origin-Resource-Policy that they are for it.
    """
    sources = " ".join(ancestors) or "'none'"
    policy = "; ".join([*rules, f"frame-ancestors {sources}"])
    if ancestors:
        return {"Content-Security-Policy": policy, "Cross-Origin-Resource-Policy": "cross-origin"}
    return {
        "Content-Security-Policy": policy,
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Frame-Options": "DENY",
    }
