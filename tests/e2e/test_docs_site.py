"""The documentation as a site: every page is in the nav, every link leads somewhere, and it works without a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from devstack.child import ROOT
from devstack.site.hooks import GENERATED
from devstack.site.links import MIRRORED

_FOREIGN = re.compile(
    r"""<(?:script|img|iframe|source)[^>]* src=["']?https?:|<link[^>]* href=["']?https?:|@import|url\(["']?https?:"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does; it fails for a page that the nav lacks, and for links that lead nowhere."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_MKDOCS_2_WARNING": "1"}
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    return folder


def test_the_site_has_every_page_and_loads_nothing_from_elsewhere(site: Path) -> None:
    sources = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    places = [re.sub(r"README\.md$", "index.md", place) for place in (*sources, *GENERATED, *MIRRORED.values())]
    assert [place for place in places if not (site / place).with_suffix(".html").exists()] == []
    files = [path for kind in ("*.html", "*.css") for path in site.rglob(kind)]
    assert {path.name: _FOREIGN.findall(path.read_text()) for path in files if _FOREIGN.search(path.read_text())} == {}


def test_lists_tables_and_blocks_of_github_are_those_of_the_site(site: Path) -> None:
    texts = {
        path: re.sub(r"<pre.*?</pre>|<code.*?</code>", "", path.read_text(), flags=re.DOTALL)
        for path in site.rglob("*.html")
    }
    left_over = re.compile(r"<p>(?:[^<]*\n)?(?:- |\d+\. |\||```)|```")
    assert {path.name: left_over.findall(text) for path, text in texts.items() if left_over.search(text)} == {}


def test_the_search_finds_a_page_without_a_server(site: Path, browser: Browser) -> None:
    context = browser.new_context(offline=True)
    page = context.new_page()
    addresses: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((site / "index.html").as_uri())
    # Typed key by key: the theme reads the field when a key is released.
    page.locator("[data-md-component=search-query]").press_sequentially("quarantine")
    result = page.locator(".md-search-result__link").first
    expect(result).to_be_visible(timeout=30_000)
    result.click()
    expect(page.locator("h1")).to_contain_text("Anti-cheat")
    context.close()
    assert [address for address in addresses if not address.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []
