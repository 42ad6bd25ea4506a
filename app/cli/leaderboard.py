"""`flask leaderboard`: reading a board, and keeping Redis to what the database has."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

import click

from app.cli.commands import Commands, as_json, container, example, note
from app.cli.output import emit, facts, safe, table
from app.cli.progress import ProgressPrinter
from app.domain.boards import MAIN
from app.services.boards.comparison import MOST
from app.services.operations.error_messages import explain
from app.stores.postgres.engine import UNAVAILABLE

_COLUMNS = ("rank", "username", "score", "achieved_at", "user_id")
_board = click.option("--board", default=MAIN, show_default=True, help="Which board.")
_SHOWN = 20


@click.group(cls=Commands)
def leaderboard() -> None:
    """A board: top, rank, rebuild, verify, void, restore, corrections."""


@leaderboard.command(epilog=example("leaderboard top --limit 20"))
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="How many rows.")
@_board
@as_json
def top(limit: int, board: str, as_json: bool) -> None:
    """Print the best, as GET /leaderboard/top gives them."""
    rows = json.loads(container().standings.top(board, limit).rows)
    emit(rows, table(rows, _COLUMNS) if rows else f"Nobody is on {safe(board)} yet.", as_json=as_json)


@leaderboard.command(epilog=example("leaderboard rank alice"))
@click.argument("user")
@_board
@as_json
def rank(user: str, board: str, as_json: bool) -> None:
    """Print the rank and score of one USER, named by username or id; rank '-' for one who isn't on the board."""
    row = container().standings.one(container().accounts.find(user).id, board).as_row()
    emit(row, facts({name: row[name] for name in _COLUMNS}), as_json=as_json)


@leaderboard.command(epilog=example("leaderboard rebuild"))
@_board
@as_json
def rebuild(board: str, as_json: bool) -> None:
    """Bring the sorted set and the cached top in Redis to what the database has. Play goes on meanwhile.

    A batch that a slow or restarting server did not answer is brought again, for up to a minute. Stopped half way, what
    was brought stays; running it again is safe.
    """
    season = container().standings.season(board)
    note("leaderboard.rebuild", f"board:{season.board}")
    began = time.monotonic()
    with ProgressPrinter(f"Rebuilding {season.board}", "standings") as progress:
        try:
            count = container().refresh.rebuild(season, progress)
        except UNAVAILABLE as error:
            brought = f"Gave up after {progress.so_far:,} standings of {season.board}; they stay."
            raise click.ClickException(f"{explain(error, container().settings)} {brought}") from error
    seconds = round(time.monotonic() - began, 1)
    said = f"Rebuilt {season.board}: {count:,} standings in {seconds} s."
    emit({"board": season.board, "standings": count, "seconds": seconds}, said, as_json=as_json)


@leaderboard.command(epilog=example("leaderboard verify"))
@_board
@as_json
@click.pass_context
def verify(ctx: click.Context, board: str, as_json: bool) -> None:
    """Compare Redis with the standings, and the standings with their events in the ledger; exit 1 if they differ.

    It stops at the first 10,000 differences of each kind.
    """
    season = container().standings.season(board)
    with ProgressPrinter(f"Verifying {season.board}", "standings compared") as progress:
        differences = container().refresh.verify(season, progress, pause=1.0)
    with ProgressPrinter("Adding up the ledger", "standings") as progress:
        items = (item for item in container().corrections.unsound(progress) if item["board"] == season.board)
        unsound = list(itertools.islice(items, MOST))
    clean = not (differences or unsound)
    result = {"board": season.board, "clean": clean, "differences": differences, "unsound": unsound}
    said = [_report(season.board, differences), _unsound(season.board, unsound)]
    emit(result, "\n".join(said), as_json=as_json)
    ctx.exit(0 if clean else 1)


def _report(board: str, differences: list[dict[str, Any]]) -> str:
    if not differences:
        return f"{board} is clean: Redis has what the database has."
    rows = [
        {
            "what": item["what"],
            "of": item.get("player") or (f"row {item['row']}" if "row" in item else None),
            "redis": _shown(item["redis"]),
            "database": _shown(item["database"]),
        }
        for item in differences
    ]
    lines = [table(rows[:_SHOWN], ("what", "of", "redis", "database"))]
    if len(rows) > _SHOWN:
        lines.append(f"and {len(rows) - _SHOWN:,} more; --json has them all.")
    repair = f"flask --app wsgi leaderboard rebuild --board {board}"
    count = _counted(len(rows))
    lines.append(f"{board} differs in {count}: '{repair}' repairs it.")
    return "\n".join(lines)


def _unsound(board: str, found: list[dict[str, Any]]) -> str:
    if not found:
        return f"Every standing of {board} is the sum of its events."
    lines = [table(found[:_SHOWN], ("what", "player", "season", "standing", "events"))]
    if len(found) > _SHOWN:
        lines.append(f"and {len(found) - _SHOWN:,} more; --json has them all.")
    lines.append(
        f"{_counted(len(found))} standings of {board} are not what their events say: somebody has written past them."
    )
    return "\n".join(lines)


def _counted(differences: int) -> str:
    return f"{differences:,}" if differences < MOST else f"at least {differences:,}"


def _shown(value: Any) -> Any:
    """A row of the top in short."""
    if isinstance(value, dict):
        return f"{value['rank']}. {value['username']} {value['score']}"
    return "absent" if value is None else value
