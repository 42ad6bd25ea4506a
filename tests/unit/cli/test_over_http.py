"""Every command has its call over HTTP, or a reason for which it has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from app.factory import create_app
from app.settings import Settings
from devstack.child import ROOT
from tests.unit.cli.test_help import COMMANDS

ADMIN = "/api/v1/admin"
OVER_HTTP = {
    "users create": ("POST", "/players"),
    "users list": ("GET", "/players"),
    "users show": ("GET", "/players/<player:name>"),
    "users suspend": ("POST", "/players/<player:name>/suspend"),
    "users reinstate": ("POST", "/players/<player:name>/reinstate"),
    "users set-role": ("PATCH", "/players/<player:name>"),
    "users attributes": ("PATCH", "/players/<player:name>"),
    "users rename": ("PATCH", "/players/<player:name>"),
    "users set-password": ("POST", "/players/<player:name>/password"),
    "users reset-link": ("POST", "/players/<player:name>/reset-link"),
    "users sign-out": ("POST", "/players/<player:name>/sign-out"),
    "users export": ("GET", "/players/<player:name>/export"),
    "users erase": ("POST", "/players/<player:name>/erase"),
    "leaderboard score": ("POST", "/players/<player:name>/scores"),
    "keys create": ("POST", "/keys"),
    "keys list": ("GET", "/keys"),
    "keys rotate": ("POST", "/keys/<uuid:key_id>/rotate"),
    "keys revoke": ("DELETE", "/keys/<uuid:key_id>"),
    "webhooks create": ("POST", "/webhooks"),
    "webhooks list": ("GET", "/webhooks"),
    "webhooks show": ("GET", "/webhooks/<uuid:webhook_id>"),
    "webhooks change": ("PATCH", "/webhooks/<uuid:webhook_id>"),
    "webhooks rotate": ("POST", "/webhooks/<uuid:webhook_id>/rotate"),
    "webhooks delete": ("DELETE", "/webhooks/<uuid:webhook_id>"),
    "webhooks test": ("POST", "/webhooks/<uuid:webhook_id>/test"),
    "webhooks deliveries": ("GET", "/webhooks/<uuid:webhook_id>/deliveries"),
    "webhooks replay": ("POST", "/webhooks/<uuid:webhook_id>/replay-failed"),
    "actions list": ("GET", "/action-types"),
    "actions add": ("POST", "/action-types"),
    "actions change": ("PATCH", "/action-types/<slug>"),
    "actions retire": ("POST", "/action-types/<slug>/retire"),
    "boards list": ("GET", "/boards"),
    "boards show": ("GET", "/boards/<slug>"),
    "boards create": ("POST", "/boards"),
    "boards change": ("PATCH", "/boards/<slug>"),
    "boards archive": ("POST", "/boards/<slug>/archive"),
    "boards seasons": ("GET", "/boards/<slug>/seasons"),
    "boards close-season": ("POST", "/boards/<slug>/close-season"),
    "boards apply": ("POST", "/boards/apply"),
    "boards replay": ("POST", "/replays/<uuid:replay_id>/cancel"),
    "leaderboard void": ("POST", "/corrections"),
    "leaderboard restore": ("POST", "/corrections/<uuid:correction_id>/restore"),
    "leaderboard corrections": ("GET", "/corrections"),
    "analytics show": ("GET", "/analytics"),
    "anticheat cases": ("GET", "/cases"),
    "anticheat next": ("GET", "/cases"),
    "anticheat show": ("GET", "/cases/<uuid:case_id>"),
    "anticheat clear": ("POST", "/cases/<uuid:case_id>/decision"),
    "anticheat confirm": ("POST", "/cases/<uuid:case_id>/decision"),
    "anticheat undo": ("POST", "/cases/<uuid:case_id>/undo"),
    "anticheat gain": ("GET", "/gain"),
    "audit log": ("GET", "/audit"),
}
PUBLIC = {"leaderboard top", "leaderboard rank"}
"""Commands whose answer anyone may read, under /leaderboard."""

ON_THE_MACHINE = {
    "the machine and its processes": {
        *("doctor", "outbox status", "queues status", "queues peek", "queues replay", "queues purge"),
        *("db upgrade", "db contract", "db downgrade", "db current", "users look-alikes"),
    },
    "repairs and proofs that read everything": {
        *("leaderboard rebuild", "leaderboard verify", "analytics rebuild", "analytics verify"),
        *("audit verify", "audit accept"),
    },
    "whole tables in files, for minutes; a game's server sends batches to /players and /scores/batch": {
        *(f"{group} {name}" for group in ("export", "import") for name in ("players", "standings", "events")),
    },
    "weeks of the ledger, for minutes, with libraries that no web process loads": {
        *("anticheat review", "anticheat backtest", "anticheat calibrate", "anticheat links"),
        *(f"anticheat model {name}" for name in COMMANDS["anticheat model"]),
    },
}
BESIDE = {
    ("GET", "/action-types/<slug>"),
    ("GET", "/corrections/<uuid:correction_id>"),
    ("POST", "/webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/replay"),
    ("GET", "/replays"),
    ("GET", "/replays/<uuid:replay_id>"),
}
"""Calls that show one thing of a list, or how far it has come, which the commands print anyway."""


def _lines() -> set[str]:
    """Return every command, with its groups."""
    groups = {f"{group} {name}" for group, names in COMMANDS.items() for name in names}
    return {*groups, *(group for group, names in COMMANDS.items() if not names)} - set(COMMANDS) | {"doctor"}


def test_every_command_has_a_call_or_a_reason_for_none() -> None:
    reasons = [PUBLIC, *ON_THE_MACHINE.values()]
    named = [*OVER_HTTP, *(line for lines in reasons for line in lines)]
    assert sorted(named) == sorted(_lines()), "a new command has to be in exactly one of these tables"


@pytest.fixture(scope="module")
def app() -> Flask:
    return create_app(Settings.from_env({"APP_ENV": "development"}))


def test_every_call_of_admins_is_that_of_a_command(app: Flask) -> None:
    calls = {
        (method, rule.rule.removeprefix(ADMIN))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(ADMIN)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert calls == {*OVER_HTTP.values(), *BESIDE}


def test_the_page_of_the_api_names_every_command_that_has_no_call() -> None:
    section = (Path(ROOT) / "docs/api.md").read_text().partition("\n### Admin\n")[2].partition("\n### Error codes")[0]
    missing = [line for lines in ON_THE_MACHINE.values() for line in lines if line.rpartition(" ")[2] not in section]
    assert missing == []
