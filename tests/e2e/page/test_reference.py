"""/docs in a browser: every call is shown, and no request leaves this server."""

from __future__ import annotations

from playwright.sync_api import expect

from app.http.reference.calls import CALLS
from tests.e2e.page.conftest import Visit
from tests.parts.product import Product
from tests.parts.waiting import eventually


def test_the_reference_shows_every_call_and_asks_no_other_server(visit: Visit, stage: Product) -> None:
    page = visit().page
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.goto(f"{stage.url}/docs")
    expect(page.get_by_role("heading", name="Complete an action")).to_be_attached(timeout=240_000)
    wanted = {call.summary for call in CALLS}  # the page adds them part by part
    eventually(lambda: wanted <= {text.strip() for text in page.locator("h2").all_inner_texts()}, within=120)
    expect(page.get_by_text("suspicious_activity").first).to_be_attached()
    assert [address for address in addresses if not address.startswith((stage.url, "blob:", "data:"))] == []
    assert f"{stage.url}/openapi.json" in addresses


def test_the_messages_are_shown_without_a_script(visit: Visit, stage: Product) -> None:
    page = visit().page
    page.goto(f"{stage.url}/docs/messages")
    for name in ("leaderboard.update", "season.ended", "leaderboard.refresh"):
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("row", name="4409")).to_be_visible()
