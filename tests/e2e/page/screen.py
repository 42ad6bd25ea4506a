"""One person's browser in front of the page: what they can do there, and what they see."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from tests.parts.client import PASSWORD, fresh_name

# A refused or lost request is news for the page, which puts it into words; the browser notes it as an error too.
_NEWS = re.compile(r"^Failed to load resource|^WebSocket connection to")


class Screen:
    """A page in a browser context of its own, so with a storage of its own."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.username = ""
        self.complaints: list[str] = []
        """What the browser held against the page: exceptions, policy violations, console errors."""
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _NEWS.match(message.text):
            self.complaints.append(message.text)

    def at(self, name: str) -> Locator:
        """An element by its id."""
        return self.page.locator(f"#{name}")

    def fill(self, username: str, password: str) -> None:
        """Fill in the form as it is, and send it."""
        self.at("username").fill(username)
        self.at("password").fill(password)
        self.at("account-submit").click()

    def sign_up(self, username: str | None = None) -> Screen:
        """Sign up and wait until the board is live."""
        self.enter(username)
        self.live()
        return self

    def enter(self, username: str | None = None) -> None:
        """Sign up and wait until that is known, whatever becomes of the board."""
        self.username = username or fresh_name("page")
        self.fill(self.username, PASSWORD)
        expect(self.at("who-name")).to_contain_text(self.username)

    def live(self) -> None:
        """Wait until the connection is."""
        expect(self.at("connection")).to_have_attribute("data-state", "live", timeout=30_000)

    def row(self, username: str) -> Locator:
        """This player's row on the board."""
        return self.at("rows").locator("tr", has=self.page.get_by_text(username, exact=True))

    def ranking(self) -> list[str]:
        """The usernames on the board, from the top."""
        return self.at("rows").locator(".name").all_text_contents()

    def start(self, name: str) -> None:
        """Choose an action type by what it is called, and start it."""
        self.page.get_by_role("radio", name=name).check()
        self.at("play-button").click()

    def complete(self) -> None:
        """Wait until the action may be completed, and complete it."""
        expect(self.at("play-button")).to_contain_text("Complete for", timeout=30_000)
        self.at("play-button").click()

    def play(self, name: str) -> None:
        """The whole of it, to what it earned."""
        self.start(name)
        self.complete()
        expect(self.at("earned")).to_be_visible(timeout=30_000)

    def stored(self, area: str, key: str) -> Any:
        """What the page keeps in `localStorage` or `sessionStorage`."""
        return json.loads(self.page.evaluate("([area, key]) => window[area].getItem(key)", [area, key]))

    def store(self, area: str, key: str, value: Any) -> None:
        """Put something there, as damage or time would."""
        self.page.evaluate("([area, key, text]) => window[area].setItem(key, text)", [area, key, json.dumps(value)])

    def token(self) -> str:
        """The access token of who is signed in."""
        return str(self.stored("localStorage", "fairboard.session")["access"])


def open_screen(browser: Browser, url: str, **how: Any) -> Screen:
    """The page, loaded, with the board known."""
    screen = Screen(browser.new_context(**how).new_page())
    screen.page.goto(url)
    expect(screen.at("rows").locator("tr").first.or_(screen.at("empty")).first).to_be_visible(timeout=30_000)
    return screen
