"""The manners of every command: a new one has to be in this table, and to behave as the table says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import click
import pytest
from click.types import FloatParamType, IntParamType

from app.cli import register
from app.cli.commands import describe_refusal
from app.errors import InvalidRequest

READS: tuple[str, ...] = (
    *("users list", "users show", "users look-alikes", "users export", "keys list", "actions list"),
    *("boards list", "boards show", "boards seasons", "leaderboard top", "leaderboard rank", "leaderboard verify"),
    *("leaderboard corrections", "analytics show", "analytics verify", "anticheat cases", "anticheat next"),
    *("anticheat show", "anticheat backtest", "anticheat gain", "anticheat model list", "anticheat model show"),
    *("anticheat model verify", "anticheat model score", "audit log", "audit verify", "outbox status"),
    *("queues status", "queues peek", "doctor", "db current", "webhooks list", "webhooks show", "webhooks deliveries"),
    *("export players", "export standings", "export events"),
)
ACTS: tuple[str, ...] = (
    *("users create", "users reinstate", "users set-role", "users attributes", "users rename", "users set-password"),
    *("users reset-link", "users sign-out", "keys create", "actions add", "boards replay", "leaderboard score"),
    *("leaderboard rebuild", "analytics rebuild", "anticheat clear", "anticheat review", "anticheat links"),
    *("anticheat model train", "anticheat model judge", "anticheat model activate", "audit accept"),
    *("queues replay", "db upgrade", "db contract", "webhooks create", "webhooks change", "webhooks rotate"),
    *("webhooks test", "webhooks replay", "import players", "import standings", "import events"),
)
ASKS: tuple[str, ...] = (
    *("users suspend", "users erase", "actions retire", "leaderboard void", "leaderboard restore"),
    *("anticheat confirm", "anticheat calibrate", "anticheat model retire", "queues purge", "db downgrade"),
)
"""Without a terminal they need --yes."""
ASKS_ON_A_TERMINAL: tuple[str, ...] = (
    *("keys rotate", "keys revoke", "boards create", "boards change", "boards apply", "boards archive"),
    *("boards close-season", "actions change", "anticheat undo", "webhooks delete"),
)
"""Without a terminal they need no --yes: their caller names the object, or has said --rebuild."""
MOVES: tuple[str, ...] = (
    *("users suspend", "users reinstate", "leaderboard void", "leaderboard restore", "anticheat confirm"),
    *("anticheat clear", "anticheat undo", "boards create", "boards change", "boards apply", "actions change"),
    *("import players", "import standings", "import events"),
)
"""These move people, and say with --dry-run whom."""

Kind = Literal["reads", "acts", "asks", "asks on a terminal"]
MANNERS: dict[str, Kind] = {
    **dict.fromkeys(READS, "reads"),
    **dict.fromkeys(ACTS, "acts"),
    **dict.fromkeys(ASKS, "asks"),
    **dict.fromkeys(ASKS_ON_A_TERMINAL, "asks on a terminal"),
}


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield each command of the product with its line."""
    yield from _below("", register.commands())


def _below(line: str, commands: Mapping[str, click.Command]) -> Iterator[tuple[str, click.Command]]:
    for name, command in commands.items():
        if isinstance(command, click.Group):
            yield from _below(f"{line} {name}".strip(), command.commands)
        else:
            yield f"{line} {name}".strip(), command


COMMANDS = dict(commands())


def _options(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def test_every_command_is_in_the_table() -> None:
    assert len(MANNERS) == len((*READS, *ACTS, *ASKS, *ASKS_ON_A_TERMINAL))
    assert sorted(MANNERS) == sorted(COMMANDS)


@pytest.mark.parametrize("line", sorted(COMMANDS))
def test_its_options_are_those_of_its_manners(line: str) -> None:
    options = _options(COMMANDS[line])
    assert "--json" in options
    assert ("--yes" in options) == MANNERS[line].startswith("asks")
    assert ("--dry-run" in options) == (line in MOVES)


@pytest.mark.parametrize("line", sorted(COMMANDS))
def test_its_help_says_what_it_does_with_words_alone(line: str) -> None:
    command = COMMANDS[line]
    text = command.help or ""
    assert text.split("\n\n")[0].rstrip().endswith("."), "the first paragraph is a sentence"
    assert "(s)" not in text
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.opts} has no help"
            assert "(s)" not in parameter.help


@pytest.mark.parametrize("line", sorted(COMMANDS))
def test_its_numbers_are_refused_in_plain_words(line: str) -> None:
    command = COMMANDS[line]
    with click.Context(command) as context:
        for parameter in command.params:
            if isinstance(parameter.type, IntParamType | FloatParamType):
                with pytest.raises(click.BadParameter, match=r"is not a valid (whole )?number\."):
                    parameter.type_cast_value(context, "5.5.5")


@pytest.mark.parametrize(
    ("line", "field", "name"),
    [
        ("keys create", "name", "NAME"),
        ("keys create", "scopes", "--scope"),
        ("keys create", "per_minute", "--per-minute"),
        ("leaderboard score", "action_type", "ACTION_TYPE"),
        ("leaderboard score", "result", "RESULT"),
        ("leaderboard void", "action_type", "--action-type"),
        ("users create", "username", "USERNAME"),
        ("users create", "password", "password"),
        ("users attributes", "attributes.country", "attributes.country"),
        ("webhooks create", "url", "URL"),
        ("webhooks create", "boards", "--board"),
        ("webhooks change", "url", "--url"),
        ("boards create", "action_types", "--action-type"),
        ("boards create", "slug", "SLUG"),
        ("boards apply", "boards.main.unit", "boards.main.unit"),
        ("export events", "season", "--season"),
        ("analytics show", "from", "--from"),
        ("import standings", "board", "--board"),
    ],
)
def test_a_refusal_names_a_field_as_the_usage_does(line: str, field: str, name: str) -> None:
    refusal = InvalidRequest.field(field, "is wrong")
    assert describe_refusal(refusal, COMMANDS[line]) == f"{name} is wrong"
