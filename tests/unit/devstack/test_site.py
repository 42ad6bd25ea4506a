"""The pages of the site that are made from the code, and text for GitHub as text for the site."""

from __future__ import annotations

import json
import re

import pytest

from devstack.child import ROOT
from devstack.site import command_page, error_page, metric_page
from devstack.site.links import indent_lists, relocate
from devstack.site.websocket_page import websocket_page
from tests.parts.guides import blocks
from tests.unit.cli.test_help import COMMANDS
from workers.queues import SCORE_EVENT_TASKS, SEASON_TASKS

API = (ROOT / "docs/api.md").read_text()


def test_the_page_of_commands_has_every_command_with_every_option() -> None:
    page = command_page.page()
    words = {f"{group} {name}" for group, names in COMMANDS.items() for name in names} | set(COMMANDS)
    assert set(re.findall(r"^#+ flask (.+)$", page, re.MULTILINE)) == words
    for name, command in command_page.commands().items():
        section = page.partition(f"# flask {name}\n")[2].partition("\n## ")[0]
        options = [option for param in command.params for option in param.opts if option.startswith("-")]
        assert [option for option in options if option not in section] == []


def test_the_page_of_errors_has_the_codes_of_the_api_with_their_status_and_advice() -> None:
    table = API.partition("### Error codes")[2].partition("\n## ")[0]
    codes = {
        code
        for row in re.findall(r"^\| [\d, ]+ \| (.+) \|$", table, re.MULTILINE)
        for code in re.findall(r"`([a-z_]+)`", row)
    }
    assert {code for _, code in error_page.codes()} == codes == set(error_page.ADVICE)
    for status, code in error_page.codes():
        (row,) = re.findall(rf"^\| ([\d, ]*{status}[\d, ]*) \| .*`{code}`", table, re.MULTILINE)
        assert row
        assert f"| {status} | `{code}` |" in error_page.page()


def test_the_page_of_metrics_has_those_of_the_dashboard_the_alerts_and_the_operators() -> None:
    files = ("deploy/grafana/fairboard.json", "deploy/prometheus/alerts.yml", "docs/operations/monitoring.md")
    named = {name for file in files for name in re.findall(r"\bfairboard_[a-z_]+", (ROOT / file).read_text())}
    listed = set(re.findall(r"^\| `(fairboard_[a-z_]+)` \|", metric_page.page(), re.MULTILINE))
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in named} - listed == set()


def test_the_page_of_events_shows_the_message_of_the_relay() -> None:
    page = ROOT / "docs/reference/events.md"
    (block,) = blocks(page, "json")
    message = json.loads(block.text)
    assert set(message) == {"boards", "request_ids"}
    facts = (ROOT / "workers/relay.py").read_text().partition("def _facts(")[2].partition("\n\n")[0]
    assert list(message["boards"][0]) == re.findall(r'"(\w+)":', facts)
    headings = re.findall(r"^## (\w+\.\w+)$", page.read_text(), re.MULTILINE)
    assert headings == [*SCORE_EVENT_TASKS, *SEASON_TASKS]


def test_the_page_of_the_websocket_is_the_section_of_the_api() -> None:
    page = websocket_page(API)
    assert page.startswith("# WebSocket\n")
    assert "| 4409 |" in page
    assert "\n## " not in page


@pytest.mark.parametrize(
    ("source", "place", "text", "expected"),
    [
        ("docs/howto/a.md", "howto/a.md", "[b](../b.md#c)", "[b](../b.md#c)"),
        ("docs/howto/a.md", "howto/a.md", "[x](https://example.org/a)", "[x](https://example.org/a)"),
        (
            "docs/howto/a.md",
            "howto/a.md",
            "[the client](../../clients/js/README.md)",
            "[the client](../reference/browser-client.md)",
        ),
        ("docs/operations/a.md", "operations/a.md", "in [deploy/nginx](../../deploy/nginx).", "in deploy/nginx."),
        ("CONTRIBUTING.md", "explanation/contributing.md", "[API](docs/api.md)", "[API](../api.md)"),
        ("docs/api.md", "reference/websocket.md", "[keys](#keys)", "[keys](../api.md#keys)"),
        ("docs/api.md", "api.md", "[keys](#keys)", "[keys](#keys)"),
        ("docs/a.md", "a.md", "```\n[a](../b)\n```", "```\n[a](../b)\n```"),
    ],
)
def test_links_lead_to_the_same_page_in_the_site(source: str, place: str, text: str, expected: str) -> None:
    assert relocate(text, source, place) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n- b\n  c", "a\n\n- b\n    c"),
        ("1. a\n\n   ```\n   b\n   ```\n2. c", "1. a\n\n    ```\n    b\n    ```\n\n2. c"),
        ("- a\n\n  | b |\n\nc\n  d", "- a\n\n    | b |\n\nc\n  d"),
        ("```\n- a\n  b\n```", "```\n- a\n  b\n```"),
    ],
)
def test_lists_are_indented_as_the_site_needs_it(text: str, expected: str) -> None:
    assert indent_lists(text) == expected
