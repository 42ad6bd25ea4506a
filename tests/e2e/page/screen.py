"""One person's browser in front of the page: the person's actions, and the page's contents."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from tests.parts.client import PASSWORD, fresh_name

# The page puts a refused or lost request into words; the browser logs it as an error too, which is no complaint.
_NEWS = re.compile(r"^Failed to load resource|^WebSocket connection to")


class Screen:
    """A page in a browser context of its own, and so with a storage of its own."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.username = ""
        self.complaints: list[str] = []
        """The browser's complaints about the page: exceptions, policy violations, console errors and warnings."""
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _NEWS.match(message.text):
            self.complaints.append(message.text)

    def at(self, name: str) -> Locator:
        """Return the element with this id."""
        return self.page.locator(f"#{name}")

    def fill(self, username: str, password: str) -> None:
        """Fill in the form in its present mode, and send it."""
        self.at("username").fill(username)
        self.at("password").fill(password)
        self.at("account-submit").click()

    def sign_up(self, username: str | None = None) -> Screen:
        """Sign up and wait until the board is live."""
        self.enter(username)
        self.live()
        return self

    def enter(self, username: str | None = None) -> None:
        """Sign up and wait until the page shows the name; the board may not be live."""
        self.username = username or fresh_name("page")
        self.fill(self.username, PASSWORD)
        expect(self.at("who-name")).to_contain_text(self.username)

    def live(self) -> None:
        """Wait until the connection is live."""
        expect(self.at("connection")).to_have_attribute("data-state", "live", timeout=30_000)

    def row(self, username: str) -> Locator:
        """Return this player's row on the board."""
        return self.at("rows").locator("tr", has=self.page.get_by_text(username, exact=True))

    def ranking(self) -> list[str]:
        """Return the usernames on the board, from the top."""
        return self.at("rows").locator(".name").all_text_contents()

    def start(self, name: str) -> None:
        """Choose an action type by its name, and start it."""
        self.page.get_by_role("radio", name=name).check()
        self.at("play-button").click()

    def complete(self) -> None:
        """Wait until the action may be completed, and complete it."""
        expect(self.at("play-button")).to_contain_text("Complete for", timeout=30_000)
        self.at("play-button").click()

    def play(self, name: str) -> None:
        """Start an action, complete it, and wait until the page shows its points."""
        self.start(name)
        self.complete()
        expect(self.at("earned")).to_be_visible(timeout=30_000)

    def stored(self, area: str, key: str) -> Any:
        """Return the value that the page keeps under this key in `localStorage` or `sessionStorage`."""
        return json.loads(self.page.evaluate("([area, key]) => window[area].getItem(key)", [area, key]))

    def store(self, area: str, key: str, value: Any) -> None:
        """Store a value there, as damage or time would change it."""
        self.page.evaluate("([area, key, text]) => window[area].setItem(key, text)", [area, key, json.dumps(value)])

    def token(self) -> str:
        """Return the access token of the player who is signed in."""
        return str(self.stored("localStorage", "fairboard.session")["access"])


def open_screen(browser: Browser, url: str, **options: Any) -> Screen:
    """Open the page and wait until it shows the board."""
    screen = Screen(browser.new_context(**options).new_page())
    screen.page.goto(url)
    expect(screen.at("rows").locator("tr").first.or_(screen.at("empty")).first).to_be_visible(timeout=30_000)
    return screen
