"""The documents and the code agree where a machine can tell."""

from __future__ import annotations

import configparser
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_ROW = re.compile(r"^\| `([A-Z_]+)` \| (?:`([^`]*)` )?\| .+ \|$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_table_of_settings_names_each_setting_once_in_the_order_of_the_code() -> None:
    listed = [row[0] for row in _ROW.findall((ROOT / "docs/configuration.md").read_text())]
    assert listed == [item.name.upper() for item in fields(Settings)]


@pytest.mark.parametrize("item", fields(Settings), ids=lambda item: item.name)
def test_the_table_of_settings_gives_the_default_that_the_code_has(item: Any) -> None:
    documented = dict(_ROW.findall((ROOT / "docs/configuration.md").read_text()))[item.name.upper()]
    meant = item.metadata["parse"](documented) if documented else item.default
    assert meant == item.default
    assert bool(documented) == (item.default not in ("", ()))


def test_every_make_target_that_the_documents_name_exists() -> None:
    missing = {
        f"{_name(page)}: make {target}"
        for page in PAGES
        for target in re.findall(r"`(?:\w+=\S+ )*make ([a-z]+)`|^(?:\w+=\S+ )*make ([a-z]+)$", page.read_text(), re.M)
        for target in target
        if target and target not in _targets()
    }
    assert missing == set()


def test_the_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make run" in text
    assert "make test" in text


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{_name(page)} links to {link}"
        assert not anchor or anchor in _anchors(target), f"{_name(page)} links to {link}"


def test_the_changelog_names_the_current_version() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)\]? - \d{4}-\d{2}-\d{2}$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest is not None
    assert newest[1] == setup["metadata"]["version"]


def test_decisions_are_numbered_without_gaps_and_all_listed() -> None:
    folder = ROOT / "docs/decisions"
    records = sorted(page.name for page in folder.glob("[0-9]*.md"))
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    listed = _LINK.findall((folder / "README.md").read_text())
    assert sorted(listed) == records
