"""`flask anticheat backtest`: thresholds and rule numbers, tried on the past."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from flask.cli import with_appcontext

from app.cli.commands import as_json, container, example
from app.cli.moments import Moment
from app.cli.output import emit, table
from app.cli.progress import ProgressPrinter
from app.domain.times import rfc3339, utc
from app.services.moderation.backtest import Report

_WEEK = 7 * 86_400
_COUNTS = ("players", "was", "would_be", "both", "only_then", "only_now")
_COLUMNS = ("username", "was", "would_be", "refused_then", "refused_now", "prevented", "peak", "rules", "decided")


class SettingChange(click.ParamType[tuple[str, str]]):
    """`name=value`."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, is_there, text = str(value).partition("=")
        if not is_there:
            self.fail(f"{value!r} is not of the form flag=20.", param, ctx)
        return name.strip(), text.strip()


@click.command(epilog=example("anticheat backtest --set flag=20 --set pattern_adds=10 --set puzzle.min_seconds=6"))
@click.option(
    "--set", "changes", type=SettingChange(), multiple=True, help="A threshold, a number of a rule, or SLUG.limit."
)
@click.option("--since", type=Moment(), help="What was redeemed since then; the last week if not given.")
@click.option("--until", type=Moment(), help="And before then; now if not given.")
@click.option("--player", metavar="USERNAME", help="Only this one, by username or id; else all.")
@click.option("--limit", type=click.IntRange(0, 10_000), default=30, show_default=True, help="Players that are listed.")
@as_json
@with_appcontext
def backtest(
    changes: tuple[tuple[str, str], ...],
    since: datetime | None,
    until: datetime | None,
    player: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Judge the past by other thresholds or rule numbers, and compare with what was. It changes nothing.

    Without --set it tries the settings of now. A name that doesn't exist is answered with those that do.
    """
    now = container().clock()
    since, until = since or utc(now - _WEEK), until or utc(now)
    if since >= until:
        raise click.UsageError("--since must be before --until.")
    player_id = container().accounts.find(player).id if player else None
    with ProgressPrinter("Judging", "redemptions") as progress:
        report = container().backtest.run(since, until, dict(changes), player_id=player_id, done=progress)
    rows = [one.as_row() for one in report.compared]
    emit(_data(report, dict(changes), rows), _text(report, dict(changes), rows[:limit]), as_json=as_json)


def _data(report: Report, changes: dict[str, str], rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "since": report.since,
        "until": report.until,
        "changes": changes,
        "thresholds": asdict(report.rules.thresholds),
        "players": report.players,
        "redemptions": report.redemptions,
        "prevented": report.prevented,
        "counts": report.counts(),
        "compared": rows,
    }


def _text(report: Report, changes: dict[str, str], rows: list[dict[str, Any]]) -> str:
    tried = ", ".join(f"{name} {value}" for name, value in changes.items()) or "the settings of now"
    when = f"from {rfc3339(report.since)} to {rfc3339(report.until)}"
    lines = [
        f"{report.redemptions:,} tries of {report.players:,} players {when}, judged with {tried}:",
        "",
        table(report.counts(), _COUNTS),
        "",
        f"{report.prevented:,} that scored would have been refused, or come after a suspension.",
    ]
    cleared = [one.was.username for one in report.compared if "suspended" in one.after and one.was.decided == "cleared"]
    if cleared:
        lines.append(f"Would be suspended, and a person has cleared them since: {', '.join(cleared)}.")
    if rows:
        lines += ["", table(rows, _COLUMNS)]
    if len(report.compared) > len(rows):
        lines.append(f"and {len(report.compared) - len(rows):,} more: --limit, or --json for all")
    return "\n".join(lines)
