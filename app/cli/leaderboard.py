"""`flask leaderboard`: reading a board, and making Redis match the database."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping, Sequence

import click

from app.cli.commands import Commands, as_json, container, example, recorded_act
from app.cli.ids import find_player
from app.cli.numbers import WholeNumberRange
from app.cli.output import emit, facts, table
from app.cli.progress import ProgressPrinter
from app.domain.boards import MAIN, Season
from app.domain.quantities import quantity
from app.services.boards.comparison import MOST, StandingDifference
from app.services.operations.error_messages import explain
from app.stores.boards.ledger_audit import UNREADABLE
from app.stores.postgres.engine import UNAVAILABLE
from app.tables import safe

_COLUMNS = ("rank", "username", "score", "achieved_at", "user_id")
_board_option = click.option("--board", default=MAIN, show_default=True, help="Name of the board.")
_MAX_LISTED = 20


@click.group(cls=Commands)
def leaderboard() -> None:
    """Read a board, rebuild or verify it, and void or restore points."""


@leaderboard.command(epilog=example("leaderboard top --limit 20"))
@click.option("--limit", type=WholeNumberRange(1, 100), default=10, show_default=True, help="Number of rows.")
@_board_option
@as_json
def top(limit: int, board: str, as_json: bool) -> None:
    """Print the best players, as GET /leaderboard/top returns them."""
    rows = json.loads(container().standings.top(board, limit).rows)
    emit(rows, table(rows, _COLUMNS) if rows else f"No player is on {safe(board)} yet.", as_json=as_json)


@leaderboard.command(epilog=example("leaderboard rank alice"))
@click.argument("user")
@_board_option
@as_json
def rank(user: str, board: str, as_json: bool) -> None:
    """Print the rank and score of one USER, by username or id; rank '-' for a player who isn't on the board."""
    row: Mapping[str, object] = container().standings.standing(find_player(user).id, board).as_row()
    emit(row, facts({name: row[name] for name in _COLUMNS}), as_json=as_json)


@leaderboard.command(epilog=example("leaderboard rebuild"))
@_board_option
@as_json
def rebuild(board: str, as_json: bool) -> None:
    """Rebuild a board's sorted set and cached top in Redis from the database. Play goes on meanwhile.

    A batch that a slow or restarting server did not answer is retried for up to a minute. If this is stopped half way,
    the batches that were written stay; running it again is safe.
    """
    season = container().standings.season(board)
    started_at = time.monotonic()
    with (
        recorded_act("leaderboard.rebuild", f"board:{season.board}"),
        ProgressPrinter(f"Rebuilding {season.board}", "standings") as progress,
    ):
        try:
            count = container().board_sync.rebuild(season, progress)
        except UNAVAILABLE as error:
            progress_text = (
                f"Gave up after {quantity(progress.so_far, 'standing')} of {season.board}; these stay in Redis."
            )
            raise click.ClickException(f"{explain(error, container().settings)} {progress_text}") from error
    seconds = round(time.monotonic() - started_at, 1)
    text = f"Rebuilt {season.board}: {quantity(count, 'standing')} in {seconds} s."
    emit({"board": season.board, "standings": count, "seconds": seconds}, text, as_json=as_json)


@leaderboard.command(epilog=example("leaderboard verify"))
@click.option("--board", help="Name of the board; all boards by default.")
@as_json
@click.pass_context
def verify(ctx: click.Context, board: str | None, as_json: bool) -> None:
    """Compare Redis with the standings, and the standings with their events in the ledger; exit 1 if they differ.

    The comparison stops at the first 10,000 differences of each kind on each board.
    """
    seasons = [container().standings.season(board)] if board is not None else container().catalog.mirrored_seasons()
    boards = [season.board for season in seasons]
    differences = {season.board: _find_differences(season) for season in seasons}
    wrong_standings = _find_wrong_standings(boards)
    is_clean = not any([*differences.values(), *wrong_standings.values()])
    result = {
        "boards": boards,
        "clean": is_clean,
        "differences": [{"board": name, **item} for name, items in differences.items() for item in items],
        "unsound": list(itertools.chain.from_iterable(wrong_standings.values())),
    }
    texts = [
        text
        for name in boards
        for text in (_report_differences(name, differences[name]), _report_wrong_standings(name, wrong_standings[name]))
    ]
    emit(result, "\n".join(texts), as_json=as_json)
    ctx.exit(0 if is_clean else 1)


def _find_differences(season: Season) -> list[StandingDifference]:
    with ProgressPrinter(f"Verifying {season.board}", "standings") as progress:
        return container().board_sync.verify(season, progress, pause=1.0)


def _find_wrong_standings(boards: Sequence[str]) -> dict[str, list[Mapping[str, object]]]:
    """Return the standings that differ from their events, at most `MOST` of each board."""
    wrong_standings: dict[str, list[Mapping[str, object]]] = {board: [] for board in boards}
    with ProgressPrinter("Adding up the ledger", "standings") as progress:
        for item in container().corrections.find_unsound(progress):
            items = wrong_standings.get(str(item["board"]))
            if items is not None and len(items) < MOST:
                items.append(item)
    return wrong_standings


def _report_differences(board: str, differences: list[StandingDifference]) -> str:
    if not differences:
        return f"{board} is clean: Redis matches the database."
    rows = [
        {
            "what": item["what"],
            "of": item.get("player") or (f"row {item['row']}" if "row" in item else None),
            "redis": _format_value(item["redis"]),
            "database": _format_value(item["database"]),
        }
        for item in differences
    ]
    lines = [table(rows[:_MAX_LISTED], ("what", "of", "redis", "database"))]
    if len(rows) > _MAX_LISTED:
        lines.append(f"and {len(rows) - _MAX_LISTED:,} more; --json has them all.")
    repair = f"flask --app wsgi leaderboard rebuild --board {board}"
    places = "place" if len(rows) == 1 else "places"
    lines.append(f"{board} differs in {_format_count(len(rows))} {places}: '{repair}' repairs it.")
    return "\n".join(lines)


def _report_wrong_standings(board: str, standings: Sequence[Mapping[str, object]]) -> str:
    if not standings:
        return f"Every standing of {board} is what its events give."
    lines = [table(standings[:_MAX_LISTED], ("what", "player", "season", "standing", "events"))]
    if len(standings) > _MAX_LISTED:
        lines.append(f"and {len(standings) - _MAX_LISTED:,} more; --json has them all.")
    unreadable_count = sum(standing["what"] == UNREADABLE for standing in standings)
    if count := len(standings) - unreadable_count:
        verb, noun = ("differs", "standing") if count == 1 else ("differ", "standings")
        lines.append(
            f"{_format_count(count)} {noun} of {board} {verb} from what the events give: "
            "something wrote to the table without an event."
        )
    if unreadable_count:
        lines.append(
            f"{quantity(unreadable_count, 'standing')} of {board} took too long to add up: run this again when "
            "PostgreSQL has less to do."
        )
    return "\n".join(lines)


def _format_count(differences: int) -> str:
    return f"{differences:,}" if differences < MOST else f"at least {differences:,}"


def _format_value(value: object) -> object:
    """Return a row of the top in short, 'absent' for none, and any other value as it is."""
    if isinstance(value, dict):
        return f"{value['rank']}. {value['username']} {value['score']}"
    return "absent" if value is None else value
