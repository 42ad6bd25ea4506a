from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from flask import Flask

from app.cli.register import commands as all_commands
from app.cli.register import register

COMMANDS = {
    "users": {
        *("attributes", "create", "list", "look-alikes", "show", "suspend", "reinstate", "set-role"),
        *("erase", "export", "rename", "reset-link", "set-password", "sign-out"),
    },
    "keys": {"create", "list", "rotate", "revoke"},
    "webhooks": {"create", "list", "show", "change", "rotate", "delete", "test", "deliveries", "replay"},
    "actions": {"list", "add", "change", "retire"},
    "boards": {
        "list",
        "show",
        "create",
        "change",
        "archive",
        "seasons",
        "close-season",
        "apply",
        "replay",
    },
    "leaderboard": {"score", "top", "rank", "rebuild", "verify", "void", "restore", "corrections"},
    "export": {"players", "standings", "events"},
    "import": {"players", "standings", "events"},
    "analytics": {"show", "rebuild", "verify"},
    "anticheat": {
        "cases",
        "next",
        "show",
        "clear",
        "confirm",
        "undo",
        "review",
        "model",
        "backtest",
        "calibrate",
        "gain",
        "links",
    },
    "anticheat model": {"train", "list", "show", "verify", "score", "judge", "activate", "retire"},
    "audit": {"accept", "log", "verify"},
    "outbox": {"status"},
    "queues": {"status", "peek", "replay", "purge"},
    "doctor": set(),
    "db": {"upgrade", "contract", "downgrade", "current"},
}


def _app() -> Flask:
    app = Flask("commands")
    register(app)
    return app


def _lines() -> Iterator[tuple[str, ...]]:
    for group, names in COMMANDS.items():
        yield from ((*group.split(), name) for name in sorted(names)) if names else ((group,),)


def test_the_commands_are_those_that_are_promised() -> None:
    top = all_commands()
    commands = {
        name: set(command.commands) if isinstance(command, click.Group) else set() for name, command in top.items()
    }
    for name, command in top.items():
        inner = command.commands.items() if isinstance(command, click.Group) else ()
        commands |= {
            f"{name} {subcommand}": set(group.commands) for subcommand, group in inner if isinstance(group, click.Group)
        }
    assert commands == COMMANDS


@pytest.mark.parametrize("name", sorted(all_commands()))
def test_a_list_of_commands_has_the_help_of_each_without_its_module(name: str) -> None:
    listed, command = _app().cli.commands[name], all_commands()[name]
    assert (listed.name, listed.get_short_help_str(1000)) == (command.name, command.get_short_help_str(1000))


@pytest.mark.parametrize("line", [line for line in _lines() if line != ("anticheat", "model")], ids=" ".join)
def test_every_command_helps_with_an_example_and_can_print_json(line: tuple[str, ...]) -> None:
    result = _app().test_cli_runner().invoke(args=[*line, "--help"])
    assert result.exit_code == 0
    assert f"flask --app wsgi {' '.join(line)}" in result.output
    assert "--json" in result.output
