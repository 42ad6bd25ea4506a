"""Who may frame a page, by the headers that a browser reads."""

from __future__ import annotations

import pytest

from app.factory import create_app
from app.settings import Settings


@pytest.mark.parametrize(
    ("ancestors", "path", "sources"),
    [
        ((), "/embed", "'none'"),
        (("https://a.example", "http://b.example:8080"), "/embed", "https://a.example http://b.example:8080"),
        (("https://a.example",), "/", "'none'"),
        (("https://a.example",), "/static/main.js", "'none'"),
        (("https://a.example",), "/static/none.js", "'none'"),
    ],
)
def test_only_the_board_for_other_sites_can_be_framed_and_only_by_these(
    ancestors: tuple[str, ...], path: str, sources: str
) -> None:
    app = create_app(Settings(app_env="development", embed_ancestors=ancestors))
    headers = app.test_client().get(path).headers
    assert headers["Content-Security-Policy"].endswith(f"; frame-ancestors {sources}")
    is_framed = sources != "'none'"
    assert headers.get("X-Frame-Options") == (None if is_framed else "DENY")
    assert headers["Cross-Origin-Resource-Policy"] == ("cross-origin" if is_framed else "same-origin")
    app.extensions["fairboard"].close()
