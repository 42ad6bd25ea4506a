"""`flask anticheat backtest`: other thresholds and rule numbers, tried on past play."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import click
from flask.cli import with_appcontext

from app.cli.commands import as_json, container, example
from app.cli.ids import find_player
from app.cli.moments import Moment
from app.cli.numbers import WholeNumberRange
from app.cli.output import emit, table
from app.cli.progress import ProgressPrinter
from app.domain.quantities import quantity
from app.domain.times import rfc3339, utc
from app.services.moderation.backtest import Report

_WEEK_SECONDS = 7 * 86_400
_COUNT_COLUMNS = ("players", "was", "would_be", "both", "only_then", "only_now")
_COLUMNS = ("username", "was", "would_be", "refused_then", "refused_now", "prevented", "peak", "rules", "decided")


class SettingChange(click.ParamType[tuple[str, str]]):
    """A setting and its new value, as `name=value`."""

    name = "name=value"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, separator, text = value.partition("=")
        if not separator:
            self.fail(f"{value!r} is not of the form flag=20.", param, ctx)
        return name.strip(), text.strip()


@click.command(epilog=example("anticheat backtest --set flag=20 --set pattern_adds=10 --set puzzle.min_seconds=6"))
@click.option(
    "--set", "changes", type=SettingChange(), multiple=True, help="A threshold, a number of a rule, or SLUG.limit."
)
@click.option("--since", type=Moment(), help="Only redemptions since this time; the last week if not given.")
@click.option("--until", type=Moment(), help="Only redemptions before this time; now if not given.")
@click.option("--player", metavar="USER", help="Only this player, by username or id; all players if not given.")
@click.option(
    "--limit", type=WholeNumberRange(0, 10_000), default=30, show_default=True, help="Maximum number of players listed."
)
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
    """Judge past play by other thresholds or rule numbers and compare with the real verdicts. Nothing is changed.

    Without --set it uses the current settings. An unknown name is answered with the names that exist.
    """
    now = container().clock()
    since, until = since or utc(now - _WEEK_SECONDS), until or utc(now)
    if since >= until:
        raise click.UsageError("--since must be before --until.")
    player_id = find_player(player).id if player is not None else None
    with ProgressPrinter("Judging", "redemptions") as progress:
        report = container().backtest.run(since, until, dict(changes), player_id=player_id, on_progress=progress)
    rows = [comparison.as_row() for comparison in report.compared]
    emit(_data(report, dict(changes), rows), _text(report, dict(changes), rows[:limit]), as_json=as_json)


def _data(report: Report, changes: dict[str, str], rows: list[dict[str, object]]) -> dict[str, object]:
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


def _text(report: Report, changes: dict[str, str], rows: list[dict[str, object]]) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in changes.items()) or "the current settings"
    span = f"from {rfc3339(report.since)} to {rfc3339(report.until)}"
    tries = f"{quantity(report.redemptions, 'try', 'tries')} of {quantity(report.players, 'player')}"
    lines = [
        f"{tries} {span}, judged with {settings}:",
        "",
        table(report.counts(), _COUNT_COLUMNS),
        "",
        f"{report.prevented:,} that scored would have been refused, or come after a suspension.",
    ]
    cleared_players = [
        comparison.actual.username
        for comparison in report.compared
        if "suspended" in comparison.simulated_words and comparison.actual.decided == "cleared"
    ]
    if cleared_players:
        lines.append(f"Would be suspended, and a person has cleared them since: {', '.join(cleared_players)}.")
    if rows:
        lines += ["", table(rows, _COLUMNS)]
    if len(report.compared) > len(rows):
        lines.append(f"and {len(report.compared) - len(rows):,} more: raise --limit, or use --json for all.")
    return "\n".join(lines)
