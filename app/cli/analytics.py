"""`flask analytics`: roll-ups of play by hour and by day."""

from __future__ import annotations

import time
from datetime import datetime

import click

from app.cli.commands import Commands, Function, as_json, container, example, recorded_act
from app.cli.moments import Moment
from app.cli.output import emit, table
from app.cli.progress import ProgressPrinter
from app.domain.boards import MAIN
from app.domain.quantities import quantity
from app.domain.rollups import GRANULARITIES, Granularity, RollupDifference
from app.services.operations.rollup_rows import RollupQuery, RollupRow
from app.tables import safe

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
_DIFFERENCE_COLUMNS = ("from", "board", "action_type", "what", "kept", "ledger")
_MAX_LISTED = 20


def _span_options(command: Function) -> Function:
    command = click.option("--to", "until", type=Moment(), help="End of the period; now if not given.")(command)
    return click.option("--from", "since", type=Moment(), help="Start of the period, such as 2026-11-23.")(command)


@click.group(cls=Commands)
def analytics() -> None:
    """Show, rebuild and verify the roll-ups of play."""


@analytics.command(epilog=example("analytics show --by day --from 2026-11-01"))
@click.option("--board", default=MAIN, show_default=True, help="Name of the board.")
@click.option(
    "--by",
    type=click.Choice(GRANULARITIES),
    default="hour",
    show_default=True,
    help="Length of the period in each row.",
)
@_span_options
@click.option("--action-type", help="Only this action type; if not given, each type, and all together as '-'.")
@as_json
def show(
    board: str, by: Granularity, since: datetime | None, until: datetime | None, action_type: str | None, as_json: bool
) -> None:
    """Print a board's hours or days; without --from, the last day of hours or the last 30 days.

    Rows that aren't complete yet show the figures of their last computation; one runs about every minute.
    """
    rows = container().analytics.show(RollupQuery(board, by, since, until, action_type))
    emit(rows, table(map(_flatten, rows), _COLUMNS) if rows else "Nothing was played.", as_json=as_json)


def _flatten(row: RollupRow) -> dict[str, object]:
    seconds = row["completion_seconds"]
    return {
        **row,
        "voided": row["voided"]["redemptions"],
        "refusals": [f"{reason} {count}" for reason, count in sorted(row["refusals"].items())],
        "median_s": _format_seconds(seconds["median"]),
        "p95_s": _format_seconds(seconds["p95"]),
        "complete": "yes" if row["complete"] else "no",
    }


def _format_seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


@analytics.command(epilog=example("analytics rebuild --from 2026-11-23"))
@_span_options
@as_json
def rebuild(since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """Recompute the roll-ups of all boards from the ledger and report the differences. Play goes on meanwhile."""
    _check_span(since, until)
    started_at = time.monotonic()
    with (
        recorded_act("analytics.rebuild", "roll-ups", since=since, until=until),
        ProgressPrinter("Rebuilding", "days") as progress,
    ):
        differences = container().analytics.rebuild(since, until, progress)
    seconds = round(time.monotonic() - started_at, 1)
    values = quantity(len(differences), "value")
    text = _report(
        differences, f"Rebuilt in {seconds} s: nothing differed.", f"Rebuilt; {values} of complete periods differed."
    )
    emit({"seconds": seconds, "differences": _difference_rows(differences)}, text, as_json=as_json)


@analytics.command(epilog=example("analytics verify"))
@_span_options
@as_json
@click.pass_context
def verify(ctx: click.Context, since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """Compare every complete hour and day of all boards with the ledger; exit 1 if they differ."""
    _check_span(since, until)
    with ProgressPrinter("Verifying", "days") as progress:
        differences = container().analytics.verify(since, until, progress)
    verb = "value differs" if len(differences) == 1 else "values differ"
    repair = f"{len(differences):,} {verb}: 'flask --app wsgi analytics rebuild' repairs that."
    text = _report(differences, "The roll-ups are clean: they match the ledger.", repair)
    emit({"clean": not differences, "differences": _difference_rows(differences)}, text, as_json=as_json)
    ctx.exit(1 if differences else 0)


def _check_span(since: datetime | None, until: datetime | None) -> None:
    if since and until and since >= until:
        raise click.UsageError("--from must be before --to.")


def _difference_rows(differences: list[RollupDifference]) -> list[dict[str, object]]:
    return container().analytics.name_differences(differences)


def _report(differences: list[RollupDifference], clean_text: str, difference_text: str) -> str:
    if not differences:
        return clean_text
    rows = [
        {**row, "kept": _format_value(row["kept"]), "ledger": _format_value(row["ledger"])}
        for row in _difference_rows(differences)[:_MAX_LISTED]
    ]
    lines = [table(rows, _DIFFERENCE_COLUMNS)]
    if len(differences) > _MAX_LISTED:
        lines.append(f"and {len(differences) - _MAX_LISTED:,} more; --json has them all.")
    return "\n".join([*lines, difference_text])


def _format_value(value: object) -> str:
    return "absent" if value is None else safe(str(value))
