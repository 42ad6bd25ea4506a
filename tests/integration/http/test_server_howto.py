"""docs/howto/server.md: its commands, run in order in the test's own process."""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.containers.container import Container
from tests.integration.cli.conftest import Run, run
from tests.integration.http.keyed import close, start
from tests.parts.guides import served

__all__ = ["run"]  # a fixture

PAGE = Path(__file__).resolve().parents[3] / "docs/howto/server.md"
BASE = "$URL/api/v1"


def request_of(words: list[str]) -> tuple[str, str, Any, dict[str, str]]:
    """Return method, path, body and headers of a line of curl; options that only print are left out."""
    (address,) = (word for word in words if word.startswith(BASE))
    options = dict(pairwise(words))
    headers = dict(words[place + 1].split(": ", 1) for place, word in enumerate(words) if word == "-H")
    body = json.loads(options["-d"]) if "-d" in options else None
    return options.get("-X", "POST" if "-d" in options else "GET"), address.removeprefix(BASE), body, headers


def _run_python(app: Flask, key: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the page's Python; return its variables."""
    scope: dict[str, Any] = {}
    with served(app) as url:
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setenv("URL", url)
        monkeypatch.setenv("KEY", key)
        exec(PAGE.read_text().split("```python\n")[1].split("```")[0], scope)
        scope["game"].close()
    return scope


def test_the_page_can_be_followed(container: Container, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    key, answers = "", []
    server = start(container)
    try:
        for line in re.findall(r"^   ((?:flask|curl) .+)$", PAGE.read_text(), re.MULTILINE):
            words = shlex.split(line)
            if words[0] == "flask":
                result = run(*words[1:])
                assert result.exit_code == 0, result.output
                key = key or result.stdout.split()[-1]
                continue
            method, path, body, headers = request_of(words)
            assert headers.pop("Authorization") == "Bearer $KEY"
            named = {name.replace("-", "_"): value for name, value in headers.items() if name == "Idempotency-Key"}
            answers.append(server.call(method, path, body, key=key, **named))
        python = _run_python(server.app, key, monkeypatch)
    finally:
        close(server)
    player, score, batch, tokens = (answer.data for answer in answers)
    assert score["score"]["current"] == 1200
    assert [row["data"]["score"]["current"] for row in batch] == [1200, 1500]
    assert tokens["user"]["user_id"] == player["user_id"]
    assert python["player"] == player
    assert python["tokens"]["user"]["user_id"] == player["user_id"]
    assert (python["done"], python["rows"], python["failed"]) == (score, batch, [])
