"""`flask import`: players, standings and events from files, with a report of the lines that are refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from app.cli.commands import CommandDecorator, Commands, Function, as_json, container, example
from app.cli.identity import operator
from app.cli.import_reports import checked_choices, import_file
from app.domain.transfer_lines import (
    EVENT_COLUMNS,
    PLAYER_COLUMNS,
    STANDING_COLUMNS,
    check_import_name,
    event_line,
    player_line,
    standing_line,
)
from app.services.boards.plan_writer import Operator
from app.services.operations.import_runs import ImportRun


@click.group("import", cls=Commands)
def imports() -> None:
    """Import players, standings and events from CSV or JSON lines. The same file twice adds nothing."""


def _checked_name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    try:
        return check_import_name(name)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


def _name_option(help_text: str) -> CommandDecorator:
    return click.option("--name", required=True, callback=_checked_name, help=help_text)


def _file_options(command: Function) -> Function:
    path_type = click.Path(dir_okay=False, path_type=Path)
    options = [
        click.argument("file", type=path_type),
        click.option(
            "--format",
            "given_format",
            type=click.Choice(["csv", "jsonl"]),
            help="Format; by default that of the file's name (.jsonl), or CSV.",
        ),
        click.option("--dry-run", is_flag=True, help="Check all lines and report them; change nothing."),
        click.option("--refused", "refused_path", type=path_type, help="File for the refused lines, as JSON lines."),
        click.option("--skip-refused", is_flag=True, help="Exit with 0 although lines were refused."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@imports.command(epilog=example("import players players.csv --dry-run"))
@_file_options
@as_json
def players(**options: object) -> None:
    """Create or change the players of FILE, by external_id or user_id, as POST /players does.

    Columns: external_id, user_id, username, attribute:NAME for each attribute, status, created_at.
    """
    choices = checked_choices(options, PLAYER_COLUMNS, has_attributes=True)
    run = ImportRun(choices.request_id, choices.dry_run)
    take = partial(container().player_imports.take, run=run)
    import_file(choices, "players", PLAYER_COLUMNS, player_line, take, subject="players")


@imports.command(epilog=example("import standings old.csv --board main --name old-system --dry-run"))
@click.option("--board", required=True, help="Board whose open season gets the scores.")
@_name_option("Name of this import: under one name a player gets one balance on a board.")
@click.option("--action-type", help="Trusted action type that feeds this board alone; made if not given.")
@_file_options
@as_json
def standings(board: str, name: str, action_type: str | None, **options: object) -> None:
    """Enter the scores of FILE as opening balances: a score event for each player.

    Columns: external_id or user_id or username, score, achieved_at, metadata; rank is not read.
    """
    choices = checked_choices(options, STANDING_COLUMNS)
    by = Operator(operator(), choices.request_id)
    target = container().standing_imports.target(board, action_type, name, by=by, dry_run=choices.dry_run)
    run = ImportRun(choices.request_id, choices.dry_run)
    take = partial(container().standing_imports.take, target, run=run)
    details = {
        "name": name,
        "import_id": str(target.id),
        "season": target.season.number,
        "action_type": target.action_type,
    }
    import_file(choices, "standings", STANDING_COLUMNS, standing_line, take, subject=f"board:{board}", details=details)


@imports.command(epilog=example("import events events.jsonl --name old-system --dry-run"))
@_name_option("Name of this import, which its events carry.")
@_file_options
@as_json
def events(name: str, **options: object) -> None:
    """Write the results of FILE into the ledger, each at its own time: it counts in the seasons that have that time.

    Columns: action_id, external_id or user_id or username, action_type, result, created_at, issued_at, metadata.
    """
    columns = (*EVENT_COLUMNS, "username")
    choices = checked_choices(options, columns)
    run = ImportRun(choices.request_id, choices.dry_run)
    take = partial(container().event_imports.take, name, run=run)
    import_file(choices, "events", columns, event_line, take, subject="ledger", details={"name": name})
