"""`flask export`: players, standings and events in files that `flask import` reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from app.cli.commands import Commands, Function, as_json, container, example
from app.cli.numbers import WholeNumber
from app.cli.output import emit, print_message
from app.cli.progress import ProgressPrinter
from app.cli.transfer_files import format_of, write_rows, written_file
from app.domain.boards import MAIN
from app.domain.quantities import quantity
from app.domain.transfer_lines import EVENT_COLUMNS, PLAYER_COLUMNS, STANDING_COLUMNS
from app.tables import safe


@click.group(cls=Commands)
def export() -> None:
    """Export players, standings and events as CSV or JSON lines, all of one moment."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Where an export goes; `path` None is standard output."""

    path: Path | None
    given_format: str | None
    as_json: bool


def _file_options(command: Function) -> Function:
    path_type = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
    help_text = "File to write, which has its name only once it is whole; - is standard output, the default."
    command = click.option("--output", "-o", "path", type=path_type, help=help_text)(command)
    format_help = "Format; by default that of the file's name (.jsonl), or CSV."
    return click.option("--format", "given_format", type=click.Choice(["csv", "jsonl"]), help=format_help)(command)


@export.command(epilog=example("export players -o players.csv"))
@_file_options
@as_json
def players(path: Path | None, given_format: str | None, as_json: bool) -> None:
    """Export all players with their attributes, the oldest first; erased ones are left out, passwords too."""
    with container().transfers.transfer() as reads:
        names = reads.attribute_names()
        _write(_target(path, given_format, as_json), reads.players(), PLAYER_COLUMNS, "player", names)


@export.command(epilog=example("export standings --board main -o main.csv"))
@click.option("--board", default=MAIN, show_default=True, help="Board.")
@click.option("--season", "number", type=WholeNumber(), help="Number of the season; the present one if not given.")
@_file_options
@as_json
def standings(board: str, number: int | None, path: Path | None, given_format: str | None, as_json: bool) -> None:
    """Export the public standings of a board, best first; suspended players are left out."""
    season = container().transfers.season(board, number)
    with container().transfers.transfer() as reads:
        _write(_target(path, given_format, as_json), reads.standings(season), STANDING_COLUMNS, "standing")


@export.command(epilog=example("export events -o events.jsonl"))
@click.option("--board", help="Only events that count on this board.")
@click.option("--season", "number", type=WholeNumber(), help="Only events of this season of the board.")
@_file_options
@as_json
def events(board: str | None, number: int | None, path: Path | None, given_format: str | None, as_json: bool) -> None:
    """Export the results that count, player by player in their order: those that were voided are left out."""
    seasons = container().transfers.seasons(board, number)
    with container().transfers.transfer() as reads:
        _write(_target(path, given_format, as_json), reads.events(seasons), EVENT_COLUMNS, "event")


def _target(path: Path | None, given_format: str | None, as_json: bool) -> _Target:
    if path is None or str(path) == "-":
        return _Target(None, "jsonl" if as_json else given_format, as_json)
    return _Target(path, given_format, as_json)


def _write(
    target: _Target,
    rows: Iterable[Mapping[str, object]],
    columns: Sequence[str],
    noun: str,
    names: Sequence[str] = (),
) -> None:
    kind, count = format_of(target.path, target.given_format), 0
    with ProgressPrinter("Exporting", f"{noun}s") as progress, written_file(target.path) as file:
        for count in write_rows(file, kind, rows, columns, names):
            progress(count)
    text = f"Exported {quantity(count, noun)}."
    if target.path is not None and target.as_json:
        emit({"file": str(target.path), "format": kind, f"{noun}s": count}, text, as_json=True)
    else:
        print_message(text if target.path is None else f"{text[:-1]} to {safe(str(target.path))}.")
