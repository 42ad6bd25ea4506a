"""`flask analytics`: what was played, hour by hour or day by day."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import click

from app.cli.commands import Commands, as_json, container, example, note
from app.cli.moments import Moment
from app.cli.output import emit, safe, table
from app.cli.progress import ProgressPrinter
from app.domain.boards import MAIN
from app.domain.rollups import GRANULARITIES, RollupDifference
from app.services.operations.analytics import Wanted

_COLUMNS = (
    "from",
    "season",
    "action_type",
    "redemptions",
    "points",
    "players",
    "voided",
    "refusals",
    "median_s",
    "p95_s",
    "complete",
)
_DIFFERENCE = ("from", "board", "action_type", "what", "kept", "ledger")
_SHOWN = 20


def _span(command: Any) -> Any:
    command = click.option("--to", "until", type=Moment(), help="Before this; now if not given.")(command)
    return click.option("--from", "since", type=Moment(), help="From this on, such as 2026-11-23.")(command)


@click.group(cls=Commands)
def analytics() -> None:
    """Roll-ups of what was played: show, rebuild, verify."""


@analytics.command(epilog=example("analytics show --by day --from 2026-11-01"))
@click.option("--board", default=MAIN, show_default=True, help="Which board.")
@click.option("--by", type=click.Choice(GRANULARITIES), default="hour", show_default=True, help="How long each row is.")
@_span
@click.option("--action-type", help="Only this one; else each, and all together as '-'.")
@as_json
def show(
    board: str, by: Any, since: datetime | None, until: datetime | None, action_type: str | None, as_json: bool
) -> None:
    """Print a board's hours or days; without --from the last day of hours, or the last 30 days.

    Those that aren't complete yet say what was there when they were last computed, every minute or so.
    """
    rows = container().analytics.show(Wanted(board, by, since, until, action_type))
    emit(rows, table(map(_flat, rows), _COLUMNS) if rows else "Nothing was played.", as_json=as_json)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    seconds = row["completion_seconds"]
    return {
        **row,
        "voided": row["voided"]["redemptions"],
        "refusals": [f"{reason} {count}" for reason, count in sorted(row["refusals"].items())],
        "median_s": _seconds(seconds["median"]),
        "p95_s": _seconds(seconds["p95"]),
        "complete": "yes" if row["complete"] else "no",
    }


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


@analytics.command(epilog=example("analytics rebuild --from 2026-11-23"))
@_span
@as_json
def rebuild(since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """Compute the roll-ups of all boards anew from the ledger; say what differed. Play goes on meanwhile."""
    note("analytics.rebuild", "roll-ups", since=since, until=until)
    began = time.monotonic()
    with ProgressPrinter("Rebuilding", "days of hours and of days") as progress:
        found = container().analytics.rebuild(since, until, progress)
    seconds = round(time.monotonic() - began, 1)
    said = _report(found, f"Rebuilt in {seconds} s: nothing differed.", "Rebuilt; {} differed in what was complete.")
    emit({"seconds": seconds, "differences": _named(found)}, said, as_json=as_json)


@analytics.command(epilog=example("analytics verify"))
@_span
@as_json
@click.pass_context
def verify(ctx: click.Context, since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """Compare every complete hour and day of all boards with the ledger; exit 1 if they differ."""
    with ProgressPrinter("Verifying", "days of hours and of days") as progress:
        found = container().analytics.verify(since, until, progress)
    repair = "{} differ: 'flask --app wsgi analytics rebuild' repairs them."
    said = _report(found, "The roll-ups are clean: they have what the ledger has.", repair)
    emit({"clean": not found, "differences": _named(found)}, said, as_json=as_json)
    ctx.exit(1 if found else 0)


def _named(found: list[RollupDifference]) -> list[dict[str, Any]]:
    return container().analytics.named(found)


def _report(found: list[RollupDifference], clean: str, differing: str) -> str:
    if not found:
        return clean
    rows = [{**row, "kept": _shown(row["kept"]), "ledger": _shown(row["ledger"])} for row in _named(found)[:_SHOWN]]
    lines = [table(rows, _DIFFERENCE)]
    if len(found) > _SHOWN:
        lines.append(f"and {len(found) - _SHOWN:,} more; --json has them all.")
    return "\n".join([*lines, differing.format(f"{len(found):,}")])


def _shown(value: Any) -> str:
    return "absent" if value is None else safe(str(value))
