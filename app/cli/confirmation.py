"""The question before an act that moves people, deletes data or can't be undone."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from app.cli.commands import CommandDecorator

yes_option: CommandDecorator = click.option("--yes", is_flag=True, help="Don't ask for confirmation.")


def confirm(question: Callable[[], str], *, yes: bool) -> None:
    """Ask on the terminal, unless `yes`; nothing may be done before. `question` is called where it is asked.

    Raises UsageError (exit 2), which names --yes, where standard input is no terminal, and Abort (exit 1) for a no.
    """
    require_answer(yes=yes)
    if not yes:
        click.confirm(question(), abort=True, err=True)


def require_answer(*, yes: bool) -> None:
    """Refuse as `confirm` does where there is no terminal, before any work for the question."""
    if not (yes or has_terminal()):
        raise click.UsageError("There is no terminal to ask on: confirm with --yes.")


def confirm_on_terminal(question: Callable[[], str], *, yes: bool) -> None:
    """Ask as `confirm` does, but only where there is a terminal: scripts that name their object are believed.

    For acts that ended something for good without a question before there was `--yes`.
    """
    if has_terminal():
        confirm(question, yes=yes)


def has_terminal() -> bool:
    """Return whether a person may answer on standard input."""
    return sys.stdin is not None and sys.stdin.isatty()
