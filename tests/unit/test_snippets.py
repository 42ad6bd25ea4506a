"""Every block of the documents is run by a test, or agrees with the code in all that a machine can compare."""

from __future__ import annotations

import configparser
import importlib.util
import json
import re
import shlex
import tomllib
from functools import cache
from pathlib import Path

import click
import pytest
from celery.bin.celery import celery

from app.settings import Settings
from devstack.child import ROOT
from devstack.site.command_page import commands
from tests.parts.guides import Block, blocks

_OUTSIDE = ("README.md", "CONTRIBUTING.md", "clients/js/README.md", "clients/python/README.md")
PAGES = sorted(
    page
    for page in (*(ROOT / name for name in _OUTSIDE), *(ROOT / "docs").rglob("*.md"))
    if "decisions" not in page.parts  # these keep the commands of their time
)
_GUIDES = "tests/e2e/test_guides.py"
_CLIENT = "tests/e2e/page/test_js_guides.py"
_SITES = "tests/e2e/page/test_other_sites.py"
RUN = {
    "README.md": _CLIENT,
    "clients/js/README.md": "tests/e2e/page/test_js_client.py",
    "clients/python/README.md": "tests/e2e/test_python_client.py",
    "docs/howto/appeals.md": _GUIDES,
    "docs/howto/backup.md": _GUIDES,
    "docs/howto/boards.md": "tests/e2e/page/test_boards.py",
    "docs/howto/browser.md": _CLIENT,
    "docs/howto/embed.md": _SITES,
    "docs/howto/faults.md": _GUIDES,
    "docs/howto/identity.md": "tests/integration/http/test_identity_howto.py",
    "docs/howto/import.md": "tests/integration/cli/test_import_howto.py",
    "docs/howto/overlay.md": _SITES,
    "docs/howto/rotate-keys.md": _GUIDES,
    "docs/howto/seasons.md": _GUIDES,
    "docs/howto/server.md": "tests/integration/http/test_server_howto.py",
    "docs/howto/tune.md": _GUIDES,
    "docs/howto/webhooks.md": "tests/integration/webhooks/test_howto.py",
    "docs/operations/README.md": _GUIDES,
    "docs/tutorials/game-server.md": _GUIDES,
    "docs/tutorials/main-flow.md": _GUIDES,
    "docs/tutorials/web-game.md": _CLIENT,
}
"""The tests that run the blocks of a page that are programs."""
_PROGRAMS = {"sh", "js", "python", "html", "css"}
_OTHERS = {"", "text", "csv", "json", "toml", "ini", "mermaid"}
_COMMAND = re.compile(r"`(?:\.venv/bin/)?((?:\w+=\S+ )*(?:flask|make) [^`]+)`")
_SOURCES = ("app", "workers", "anticheat", "deploy", "devstack", "bench", "tests", "Makefile", "celeryconfig.py")
# Of other programs, in the pages that say how Fairboard treats them; RabbitMQ's refusal is the last.
_FOREIGN = re.compile(r"CELERY_|GUNICORN_|PIP_|PG|SSL_|LD_|PRECONDITION_FAILED")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def _source() -> str:
    """Return the text of all programs and their configuration."""
    places = [ROOT / place for place in _SOURCES]
    files = [path for place in places for path in (place, *place.rglob("*"))]
    return "\n".join(path.read_text(errors="ignore") for path in files if path.is_file() and path.suffix != ".pyc")


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_programs_are_run_by_a_test_and_data_can_be_read(page: Path) -> None:
    for block in blocks(page):
        assert block.language in _PROGRAMS | _OTHERS
        if block.language in _PROGRAMS:
            assert page.name in (ROOT / RUN[_name(page)]).read_text()
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "ini":
            configparser.ConfigParser(strict=False, interpolation=None).read_string(block.text)
    assert page.read_text().count("```") == 2 * len(blocks(page))


def test_no_page_is_named_that_has_no_program() -> None:
    with_programs = {_name(page) for page in PAGES if blocks(page, *_PROGRAMS)}
    assert set(RUN) == with_programs


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_and_setting_of_a_page_exists(page: Path) -> None:
    lines = [line for block in blocks(page) if block.language in ("", "sh") for line in _command_lines(block)]
    problems = [_problem(line, of_ours_only=False) for line in lines]
    problems += [_problem(line, of_ours_only=True) for line in _COMMAND.findall(page.read_text())]
    assert [problem for problem in problems if problem] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_name_in_capitals_is_in_the_code(page: Path) -> None:
    text = page.read_text()
    names = set(re.findall(r"(?<![\w-])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", text))
    assert {name for name in names if not (_is_known(name) or f"export {name}=" in text)} == set()


def _is_known(name: str) -> bool:
    return name.lower() in Settings.model_fields or name in _source() or bool(_FOREIGN.match(name))


def _command_lines(block: Block) -> list[str]:
    """Return the lines of a block without the notes beside them; of a shell's program those that begin with `flask`."""
    lines = [re.split(r"\s{2,}|\s+# ", line.strip())[0] for line in block.text.splitlines()]
    if block.language == "sh":
        return [line for line in lines if line.startswith("flask ") and "|" not in line]
    return [line for line in lines if line and not line.startswith("#")]


def _problem(line: str, *, of_ours_only: bool) -> str | None:
    """Return what is wrong with a command line, `None` if nothing is known to be."""
    words = shlex.split(line.replace("…", "x").partition(" >")[0])
    while words and (assignment := re.match(r"([A-Z_]+)=", words[0])):
        words.pop(0)
        if assignment[1].lower() not in Settings.model_fields and assignment[1] not in (ROOT / "Makefile").read_text():
            return f"{line}: no setting {assignment[1]}"
    if not words or line == "set -a; . var/env; set +a":
        return None
    check = _CHECKS.get(Path(words[0]).name)
    if check is None:
        return None if of_ours_only else f"{line}: no rule for {words[0]}"
    missing = [path for path in words[1:] if _is_ours(path) and not (ROOT / path).exists()]
    return f"{line}: {missing or check(words[1:])}" if missing or check(words[1:]) else None


def _is_ours(word: str) -> bool:
    return word.startswith(("deploy/", "clients/", "requirements")) and word != "deploy/.env"


def _flask(words: list[str]) -> str:
    """Return the first word that is no command or option of ours."""
    words = words[2:] if words[:1] == ["--app"] else words
    if words[:1] in (["COMMAND"], ["--help"], ["x"]):
        return ""
    length = next((size for size in (3, 2, 1) if " ".join(words[:size]) in commands()), 0)
    command = commands().get(" ".join(words[:length]))
    if command is None or (isinstance(command, click.Group) and words[length:]):
        return f"no command {' '.join(words)}"
    return "" if isinstance(command, click.Group) else _arguments(command, words[length:])


def _arguments(command: click.Command, words: list[str]) -> str:
    parser = command.make_parser(click.Context(command))
    try:
        _, rest, _ = parser.parse_args([*words])
    except click.UsageError as error:
        return error.format_message()
    return f"unexpected {rest}" if rest else ""


def _make(words: list[str]) -> str:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    goals = {word for word in words if "=" not in word and word not in ("x", "TARGET")}
    return ", ".join(sorted(goals - targets))


def _python(words: list[str]) -> str:
    if words[:1] != ["-m"]:
        return ""
    return "" if importlib.util.find_spec(words[1]) else f"no module {words[1]}"


def _celery(words: list[str]) -> str:
    command = celery.commands[words[2]]
    return _arguments(command, words[3:])


def _any(_: list[str]) -> str:
    return ""


_CHECKS = {
    "flask": _flask,
    "make": _make,
    "python": _python,
    "python3": _python,
    "celery": _celery,
    # Only the files of ours that they name can be compared.
    **dict.fromkeys(("gunicorn", "pip", "nginx", "docker", "cp", "pg_dump", "pg_restore", "psql", "redis-cli"), _any),
    "curl": _any,  # tests/integration/http/test_server_howto.py sends them
}
