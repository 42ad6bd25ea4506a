"""schemathesis tries every call with data made from /openapi.json, good and bad, as each kind of caller.

Every path has a player, a board or an action of its own, so that one call does not take it from the next.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.parts.client import Api, Player, fresh_name
from tests.parts.product import Product, running

_SETTINGS = Path(__file__).parent / "schemathesis.toml"
_ENDS = {"/api/v1/auth/logout", "/api/v1/me"}  # these calls can end the caller's own account or login

# Any value of this header is allowed, and every answer is held against it in tests/e2e/test_every_answer.py.
_OWN_ID = {"$ref": "#/components/parameters/X-Request-ID"}

Fill = Callable[[str], object]


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Start a product that schemathesis may change as it likes."""
    with running(tmp_path_factory.mktemp("playground"), {"GAIN_WATCH": "off"}, broker="redis") as started:
        yield started


@pytest.fixture(scope="module")
def document(playground: Product) -> dict[str, Any]:
    api = Api(playground.url)
    content: dict[str, Any] = api.get("//openapi.json").body
    api.close()
    return content


@pytest.fixture(scope="module")
def admin(playground: Product) -> Iterator[Player]:
    api = Api(playground.url)
    player = api.register()
    assert playground.flask("users", "set-role", player.username, "admin").returncode == 0
    yield player
    api.close()


@pytest.fixture(scope="module")
def world(playground: Product, admin: Player) -> Fill:
    """Return a function that makes what a parameter of a path names: a player, a board, an action, a key."""

    def fill(name: str) -> object:
        if name == "player":
            return admin.api.register().user_id
        if name == "slug":
            slug = fresh_name("playground").lower()
            types = {slug: {"name": "Playground", "points": 1, "boards": [slug]}}
            plan = {"boards": {slug: {"name": "Playground"}}, "action_types": types}
            assert admin.post("/admin/boards/apply", plan).status == 200
            return slug
        if name == "action_id":
            return admin.issue()["action_id"]
        if name == "key_id":
            return admin.post("/admin/keys", {"name": fresh_name(), "scopes": ["read"]}).data["id"]
        if name == "filename":
            return "board.js"
        return None

    return fill


def _part(document: dict[str, Any], fill: Fill, wanted: Callable[[str, list[Any]], bool]) -> dict[str, Any]:
    """Return the document with the calls that are wanted alone, and with real values in their paths."""
    part: dict[str, Any] = json.loads(json.dumps(document))
    part["paths"] = {
        path: calls
        for path, item in part["paths"].items()
        if (calls := {method: call for method, call in item.items() if wanted(path, call["security"])})
    }
    for item in part["paths"].values():
        for call in item.values():
            call["parameters"] = [parameter for parameter in call["parameters"] if parameter != _OWN_ID]
            for parameter in call["parameters"]:
                if parameter.get("in") == "path" and (value := fill(parameter["name"])) is not None:
                    parameter["schema"] = {"const": value}
    return part


def _try(product: Product, part: dict[str, Any], folder: Path, token: str | None, most: int) -> None:
    """Run schemathesis; fail with its report if it finds anything."""
    assert part["paths"]
    file = folder / "openapi.json"
    file.write_text(json.dumps(part))
    arguments = ["--config-file", str(_SETTINGS), "run", str(file), "--url", product.url, "--no-color"]
    arguments += ["--max-examples", str(most)]
    arguments += ["--header", f"Authorization: Bearer {token}"] if token else []
    run = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", *arguments],
        cwd=folder,
        env={**os.environ, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, (run.stdout + run.stderr)[-20_000:]


def _is_for(security: list[Any], *kinds: str) -> bool:
    return any(kind in choice for choice in security for kind in kinds)


def test_anyone(playground: Product, document: dict[str, Any], world: Fill, tmp_path: Path) -> None:
    part = _part(document, world, lambda path, security: {} in security)
    _try(playground, part, tmp_path, None, 4)


def test_a_player(playground: Product, document: dict[str, Any], world: Fill, tmp_path: Path) -> None:
    api = Api(playground.url)
    part = _part(
        document,
        lambda name: None if name == "action_id" else world(name),
        lambda path, security: _is_for(security, "player") and "/admin/" not in path and path not in _ENDS,
    )
    _try(playground, part, tmp_path, api.register().access_token, 4)
    for path in sorted(_ENDS):
        part = _part(document, world, lambda other, _, path=path: other == path)  # type: ignore[misc]
        _try(playground, part, tmp_path, api.register().access_token, 4)
    refresh = _part(document, world, lambda _, security: _is_for(security, "refresh"))
    _try(playground, refresh, tmp_path, api.register().refresh_token, 4)
    api.close()


def test_an_admin(playground: Product, document: dict[str, Any], world: Fill, admin: Player, tmp_path: Path) -> None:
    part = _part(document, world, lambda path, _: "/admin/" in path)
    _try(playground, part, tmp_path, admin.access_token, 3)


def test_a_key(playground: Product, document: dict[str, Any], world: Fill, admin: Player, tmp_path: Path) -> None:
    scopes = ["players", "score", "read", "moderate", "admin"]
    key = admin.post("/admin/keys", {"name": "schemathesis", "scopes": scopes}).data["key"]
    part = _part(document, world, lambda _, security: all("key" in choice for choice in security))
    _try(playground, part, tmp_path, key, 4)
