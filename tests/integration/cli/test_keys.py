"""`flask keys`."""

from __future__ import annotations

from app.containers.container import Container
from app.errors import Unauthorized
from app.services.accounts.api_keys import KeyChecks
from tests.integration.cli.conftest import Run, RunJson


def _nothing() -> None:
    """Admit every lookup."""


def _is_good(container: Container, text: str) -> bool:
    checks: KeyChecks = container.key_checks
    try:
        checks.caller(text, _nothing)
    except Unauthorized:
        return False
    return True


def test_a_key_is_made_rotated_and_revoked_by_name_prefix_or_id(
    container: Container, run: Run, run_json: RunJson
) -> None:
    shown = run("keys", "create", "game-server", "--scope", "score", "--scope", "players", "--per-minute", "90")
    assert shown.exit_code == 0
    first = shown.stdout.split()[-1]
    assert "shown this once" in shown.stderr
    assert _is_good(container, first)
    (listed,) = run_json("keys", "list")
    assert (listed["scopes"], listed["per_minute"], listed["prefix"]) == (["players", "score"], 90, first[:16])
    assert first not in run("keys", "list").stdout
    second = run_json("keys", "rotate", listed["prefix"], "--grace", "60")["key"]
    assert "PREVIOUS UNTIL" in run("keys", "list").stdout
    third = run_json("keys", "rotate", listed["id"])["key"]
    assert [_is_good(container, text) for text in (first, second, third)] == [False, False, True]
    assert run_json("keys", "revoke", "game-server")["changed"]
    assert not _is_good(container, third)
    assert not run_json("keys", "revoke", listed["id"])["changed"]
    assert "was revoked" in run("keys", "rotate", listed["id"]).output
    acts = [row.act for row in container.audit.page(limit=10)]
    assert acts == ["key.revoked", "key.rotated", "key.rotated", "key.created"]


def test_what_is_no_key_is_refused_in_one_line(run: Run) -> None:
    assert run("keys", "revoke", "nobody").output == "Error: There is no such key.\n"
    assert run("keys", "revoke", "\0").exit_code == 1
    assert run("keys", "create", "k").exit_code == 2
    assert run("keys", "create", "k", "--scope", "root").exit_code == 2
    assert "Error: NAME must have" in run("keys", "create", "", "--scope", "read").output
