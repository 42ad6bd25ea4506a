"""The documents and the code agree where a machine can tell."""

from __future__ import annotations

import configparser
import re
import secrets
from pathlib import Path

import click
import pytest
from pydantic.fields import FieldInfo

from app.cli.register import commands
from app.http.reference.openapi import VERSION
from app.settings import Settings
from app.stores.postgres.migrations import newest
from app.stores.postgres.moderation_schema import metadata
from tests.parts.doctor import PARTS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "clients").rglob("*.md")])
_ROW = re.compile(r"^\| `([A-Z_]+)` \| (?:`([^`]*)` )?\| .+ \|$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_table_of_settings_names_each_setting_once_in_the_order_of_the_code() -> None:
    listed = [row[0] for row in _ROW.findall((ROOT / "docs/configuration.md").read_text())]
    assert listed == [name.upper() for name in Settings.model_fields]


@pytest.mark.parametrize(("name", "field"), Settings.model_fields.items(), ids=Settings.model_fields)
def test_the_table_of_settings_gives_the_default_that_the_code_has(name: str, field: FieldInfo) -> None:
    documented = dict(_ROW.findall((ROOT / "docs/configuration.md").read_text()))[name.upper()]
    keys = {f"{kind}_KEYS": f"test:{secrets.token_hex(32)}" for kind in ("JWT", "ACTION_TOKEN")}
    env = {"APP_ENV": "development", name.upper(): documented}
    documented_value = getattr(Settings.from_env(keys | env if name == "app_env" else env), name)
    assert documented_value == field.default
    assert bool(documented) == (field.default not in ("", ()))


@pytest.mark.parametrize(("name", "field"), Settings.model_fields.items(), ids=Settings.model_fields)
def test_each_setting_says_what_it_is_for(name: str, field: FieldInfo) -> None:
    assert field.description


def test_the_architecture_says_of_each_table_once_whether_to_back_it_up() -> None:
    section = (ROOT / "docs/architecture.md").read_text().partition("## Where things are kept")[2]
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| (.+) \|$", section.partition("\nRedis, ")[0], re.MULTILINE)
    named = [table for tables, _ in rows for table in re.findall(r"`(\w+)`", tables)]
    assert sorted(named) == sorted(metadata.tables)
    backed_up = {
        table for tables, advice in rows if advice.startswith("back ") for table in re.findall(r"`(\w+)`", tables)
    }
    assert {"players", "score_events", "corrections", "audit_log"} <= backed_up
    assert not {"rollups", "ticks"} & backed_up


def test_the_operations_show_the_doctor_as_it_is() -> None:
    output = (ROOT / "docs/operations/README.md").read_text().partition("```text\n")[2].partition("```")[0]
    lines = output.strip().splitlines()
    parts = [match[1] for line in lines if (match := re.match(r"ok +(.+?)  ", line))]
    assert parts == PARTS
    assert lines[-1] == "Everything needed is there."
    assert re.search(rf"^ok +migrations +at {newest()}, the newest$", "\n".join(lines), re.MULTILINE)


def test_every_command_that_the_documents_name_exists() -> None:
    missing = {f"{_name(page)}: {line}" for page in PAGES for line in _commands(page) if not _exists(line)}
    assert missing == set()


def _commands(page: Path) -> list[str]:
    """Return the commands that the page gives to `flask`, each with its first two words."""
    if "decisions" in page.parts:
        return []  # decision records keep the commands of their time
    lines = re.findall(r"(?:`|^|/)flask (?:--app wsgi )?((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)", page.read_text(), re.M)
    return [line for line in lines if line.split()[0] not in ("commands", "run")]


def _exists(line: str) -> bool:
    first, _, second = line.partition(" ")
    command = commands().get(first)
    if isinstance(command, click.Group) and second:
        return second in command.commands
    return command is not None


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


def test_the_version_is_that_of_the_changelog_or_a_later_one_while_it_has_unreleased_changes() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    version = setup["metadata"]["version"]
    assert version == VERSION, "/docs shows it"
    text = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)\]? - \d{4}-\d{2}-\d{2}$", text, re.M)
    assert newest is not None
    if re.search(r"^## \[Unreleased\]\s+(?!## \[)\S", text, re.M):
        next_version, suffix = version.split(".dev")
        assert suffix == "0"
        assert [int(part) for part in next_version.split(".")] > [int(part) for part in newest[1].split(".")]
    else:
        assert version == newest[1]


def test_decisions_are_numbered_without_gaps_and_all_listed() -> None:
    folder = ROOT / "docs/decisions"
    records = sorted(page.name for page in folder.glob("[0-9]*.md"))
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    listed = _LINK.findall((folder / "README.md").read_text())
    assert sorted(listed) == records
