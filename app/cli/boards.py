"""`flask boards`: boards, their seasons, and the files that describe them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import get_args

import click

from app.cli.board_changes import Choices, actor, carry_out, choice_options, work
from app.cli.board_files import read_file
from app.cli.commands import Commands, Function, as_json, container, example
from app.cli.confirmation import confirm_on_terminal, yes_option
from app.cli.moments import Moment
from app.cli.numbers import WholeNumber
from app.cli.output import emit, facts, print_message, table
from app.domain.board_plans import Fields
from app.domain.quantities import quantity
from app.domain.scoring import Order, Scoring
from app.domain.times import rfc3339
from app.errors import InvalidRequest, NotFound
from app.services.boards.board_catalog import ListedBoard
from app.tables import safe

_COLUMNS = ("slug", "name", "scoring", "order", "schedule", "timezone", "season", "ends_at", "players", "action_types")
_SEASON_COLUMNS = ("number", "state", "starts_at", "ends_at", "players", "corrected_at")


class TimeOrNone(Moment):
    """A time, or the word `none`."""

    name = "time|date|none"

    def convert(  # type: ignore[override]
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime | str:
        return "none" if value == "none" else super().convert(value, param, ctx)


def _field_options(command: Function) -> Function:
    options = [
        click.option("--name", help="Name that players see."),
        click.option("--scoring", type=click.Choice(get_args(Scoring)), help="What a board makes of the results."),
        click.option("--order", type=click.Choice(get_args(Order)), help="asc: the lowest score is the best."),
        click.option("--unit", help="Unit that is shown after a score, such as s."),
        click.option("--decimals", type=WholeNumber(), help="Digits of a score behind the point, 0 to 6."),
        click.option("--schedule", metavar="CRON", help="When a season ends and the next begins; 'none' for never."),
        click.option("--timezone", help="IANA time zone of the schedule, such as Asia/Tokyo."),
        click.option("--starts-at", type=TimeOrNone(), help="When a contest begins; 'none' for no such time."),
        click.option("--ends-at", type=TimeOrNone(), help="When a contest ends; 'none' for no such time."),
        click.option("--segment", "segments", multiple=True, help="Player attribute to filter by; up to four times."),
        click.option("--public/--private", default=None, help="Whether everyone sees the board, or only admins."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group(cls=Commands)
def boards() -> None:
    """List, create, change and archive boards, apply a file of them, and replay the past."""


def _row(listed: ListedBoard) -> dict[str, object]:
    season = listed.season
    return {
        **asdict(listed.board),
        "season": season and season.number,
        "season_starts_at": season and season.starts_at,
        "season_ends_at": season and season.ends_at,
        "players": season.players if season else 0,
        "action_types": listed.action_types,
    }


@boards.command("list", epilog=example("boards list"))
@as_json
def list_boards(as_json: bool) -> None:
    """List the boards that are not archived, with their open or next season."""
    rows = [_row(listed) for listed in container().board_catalog.boards()]
    shown = [{**row, "ends_at": row["season_ends_at"]} for row in rows]
    emit(rows, table(shown, _COLUMNS), as_json=as_json)
    _report_replay()


@boards.command(epilog=example("boards show weekly"))
@click.argument("slug")
@as_json
def show(slug: str, as_json: bool) -> None:
    """Show the fields of a board, its season, and the action types that feed it."""
    row = _row(container().board_catalog.board(slug))
    emit(row, facts(row), as_json=as_json)
    _report_replay()


def _report_replay() -> None:
    replay = container().replays.unfinished()
    if replay:
        names = ", ".join(replay.plan["feeds"])
        print_message(f"A replay for {names} is unfinished, and so not visible: 'flask boards replay' continues it.")


@boards.command(
    epilog=example("boards create weekly --action-type tap --schedule '0 0 * * 1' --timezone Europe/Berlin")
)
@click.argument("slug")
@click.option(
    "--action-type",
    "types",
    multiple=True,
    required=True,
    help="Action type that feeds the board; give it once for each.",
)
@_field_options
@choice_options
@as_json
def create(
    slug: str, types: Sequence[str], dry_run: bool, rebuild: bool, yes: bool, as_json: bool, **options: object
) -> None:
    """Create a board, filled from the past of the action types that feed it. A slug can be used only once, ever."""
    plan = container().board_changes.plan_board(slug, _values(options), types)
    carry_out(plan, Choices(dry_run, rebuild, yes, as_json))


@boards.command(epilog=example("boards change weekly --scoring best --rebuild"))
@click.argument("slug")
@click.option("--add-type", "added", multiple=True, help="Action type that feeds the board from now on, past included.")
@click.option("--remove-type", "removed", multiple=True, help="Action type that no longer feeds the board.")
@_field_options
@choice_options
@as_json
def change(
    slug: str,
    added: Sequence[str],
    removed: Sequence[str],
    dry_run: bool,
    rebuild: bool,
    yes: bool,
    as_json: bool,
    **options: object,
) -> None:
    """Change a board. Another scoring, order or action type changes the past of the open season: that needs --rebuild.

    Seasons that have ended stay as they are.
    """
    values = _values(options)
    if not (values or added or removed):
        raise click.UsageError("Say what to change, such as --scoring best.")
    plan = container().board_changes.plan_board_change(slug, values, added, removed)
    carry_out(plan, Choices(dry_run, rebuild, yes, as_json))


def _values(options: dict[str, object]) -> Fields:
    """Return the fields that were given; the word none clears one."""
    values = {name: value for name, value in options.items() if value is not None and value != ()}
    if values.get("segments") == ("none",):
        values["segments"] = ()
    return {name: None if value == "none" and name != "name" else value for name, value in values.items()}


def _name_with_players(slug: str) -> str:
    row = _row(container().board_catalog.board(slug))
    return f"{slug} (season {row['season'] or '-'}, {quantity(int(str(row['players'])), 'player')})"


@boards.command(epilog=example("boards archive summer-2026"))
@click.argument("slug")
@yes_option
@as_json
def archive(slug: str, yes: bool, as_json: bool) -> None:
    """End a board's open season for good, and take the board off all lists. Its seasons stay readable."""
    confirm_on_terminal(lambda: f"Archive the board {_name_with_players(slug)} for good?", yes=yes)
    container().board_plans.archive(slug, by=actor())
    emit({"slug": slug, "archived": True}, f"Archived {safe(slug)}.", as_json=as_json)


@boards.command("seasons", epilog=example("boards seasons weekly"))
@click.argument("slug")
@as_json
def list_seasons(slug: str, as_json: bool) -> None:
    """List the seasons of a board, the newest first."""
    seasons = container().board_catalog.seasons(slug)
    rows = [
        {**{name: value for name, value in asdict(season).items() if name != "season"}, "number": season.number}
        for season in seasons
    ]
    emit(rows, table(rows, _SEASON_COLUMNS), as_json=as_json)


@boards.command("close-season", epilog=example("boards close-season weekly --season 3"))
@click.argument("slug")
@click.option("--season", "number", type=WholeNumber(), help="Number of the season, so that no other one can be meant.")
@yes_option
@as_json
def close_season(slug: str, number: int | None, yes: bool, as_json: bool) -> None:
    """End the open season of a board, in two seconds. The next one begins then; a contest is over."""
    confirm_on_terminal(lambda: f"End the open season of {_name_with_players(slug)} for good?", yes=yes)
    by = actor()
    ends_at = container().seasons.end(slug, number, by=by.actor, request_id=by.request_id)
    text = f"The season of {safe(slug)} ends at {rfc3339(ends_at)}, and is final within five seconds."
    emit({"board": slug, "ends_at": ends_at}, text, as_json=as_json)


@boards.command(epilog=example("boards apply boards.toml --dry-run"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@choice_options
@as_json
def apply(file: Path, dry_run: bool, rebuild: bool, yes: bool, as_json: bool) -> None:
    """Make boards and action types as FILE (TOML) has them, all at once; boards that it doesn't name stay."""
    given_boards, given_types = read_file(file)
    try:
        plan = container().board_plans.plan(given_boards, given_types)
    except InvalidRequest as refusal:
        details = refusal.details if isinstance(refusal.details, list) else []
        lines = [f"{item['field']} {item['message']}" for item in details]
        raise click.ClickException(safe("; ".join(lines))) from refusal
    carry_out(plan, Choices(dry_run, rebuild, yes, as_json))


@boards.command(epilog=example("boards replay"))
@click.option("--cancel", is_flag=True, help="Drop the replay, and the change that it prepares.")
@as_json
def replay(cancel: bool, as_json: bool) -> None:
    """Continue the replay that was stopped, and carry out the change that it prepares."""
    unfinished = container().replays.unfinished()
    if unfinished is None:
        raise NotFound("No replay is unfinished.")
    if cancel:
        container().replays.cancel(by=actor())
        container().replays.resume(0.0)
        emit({"id": unfinished.id, "state": "cancelled"}, "Dropped. Nothing has changed.", as_json=as_json)
        return
    done_replay = work(unfinished.id)
    text = f"Done: replayed {quantity(done_replay.standings, 'standing')}."
    emit({"id": done_replay.id, "state": done_replay.state, "standings": done_replay.standings}, text, as_json=as_json)
