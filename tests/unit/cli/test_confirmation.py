"""Questions: asked on a terminal, refused without one, and never asked with --yes."""

from __future__ import annotations

import io

import click
import pytest
from click.testing import CliRunner

from app.cli.confirmation import confirm, confirm_on_terminal, yes_option


class Terminal(io.BytesIO):
    """A standard input on which a person types."""

    def isatty(self) -> bool:
        return True


def _command(*, strict: bool) -> click.Command:
    @click.command()
    @yes_option
    def act(yes: bool) -> None:
        (confirm if strict else confirm_on_terminal)(lambda: "Suspend anna?", yes=yes)
        click.echo("done")

    return act


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("typed", "code", "output"), [("y\n", 0, "done\n"), ("n\n", 1, ""), ("", 1, "")])
def test_on_a_terminal_it_asks_on_standard_error(strict: bool, typed: str, code: int, output: str) -> None:
    result = CliRunner().invoke(_command(strict=strict), input=Terminal(typed.encode()))
    assert result.exit_code == code
    assert result.stderr.startswith("Suspend anna? [y/N]: ")
    assert result.stdout.endswith(output)
    assert ("done" in result.stdout) == (code == 0)


def test_without_a_terminal_it_names_the_option_and_does_nothing() -> None:
    result = CliRunner().invoke(_command(strict=True), input="y\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "There is no terminal to ask on: confirm with --yes." in result.stderr


def test_a_script_that_names_its_object_is_believed() -> None:
    result = CliRunner().invoke(_command(strict=False), input="")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "done\n", "")


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("typed", [None, Terminal(b"")])
def test_with_yes_nothing_is_asked(strict: bool, typed: Terminal | None) -> None:
    result = CliRunner().invoke(_command(strict=strict), ["--yes"], input=typed)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "done\n", "")
