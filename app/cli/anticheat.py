"""`flask anticheat`: the cases that wait for a person."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import click

from app.cli import cases, decisions
from app.cli.backtest import backtest
from app.cli.calibrate import calibrate
from app.cli.commands import Commands, as_json, container, example, recorded_act
from app.cli.gain import gain
from app.cli.ids import find_player
from app.cli.links import links
from app.cli.model import model
from app.cli.moments import Moment
from app.cli.output import emit, table
from app.cli.progress import ProgressPrinter
from app.domain.quantities import quantity
from app.domain.times import utc

_CASE_COLUMNS = ("username", "suspicion", "rules", "case_id")
_DAY_SECONDS = 86_400


@click.group(cls=Commands)
def anticheat() -> None:
    """List and decide cases, show their evidence, undo a decision, and look for more cases in the ledger."""


for _command in (*cases.COMMANDS, *decisions.COMMANDS):
    anticheat.add_command(_command)
anticheat.add_command(model)
anticheat.add_command(backtest)
anticheat.add_command(calibrate)
anticheat.add_command(gain)
anticheat.add_command(links)


@anticheat.command(epilog=example("anticheat review --player mallory --since 2026-11-01"))
@click.option("--player", metavar="USER", help="Only this player, by username or id; all players if not given.")
@click.option("--since", type=Moment(), help="Only redemptions since this time; the last day if not given.")
@as_json
def review(player: str | None, since: datetime | None, as_json: bool) -> None:
    """Judge the ledger again by the current settings, as the worker does every minute; open cases for a person.

    No player is suspended and no points are voided.
    """
    player_id = find_player(player).id if player is not None else None
    since = since or utc(container().clock() - _DAY_SECONDS)
    subject = "ledger" if player_id is None else f"player:{player_id}"
    with (
        recorded_act("anticheat.review", subject, since=since),
        ProgressPrinter("Reviewing", "redemptions") as progress,
    ):
        summary = container().review.review_again(since, player_id=player_id, on_progress=progress)
    cases = [{"username": container().cases.player_name(case.case_id), **asdict(case)} for case in summary.cases]
    text = f"Judged {quantity(summary.redemptions, 'redemption')} of {quantity(len(summary.players), 'player')} again: "
    text += f"{quantity(summary.signals, 'new signal')}, {quantity(len(cases), 'new case')}."
    result = {
        "players": len(summary.players),
        "redemptions": summary.redemptions,
        "signals": summary.signals,
        "cases": cases,
    }
    emit(result, "\n".join([*([table(cases, _CASE_COLUMNS)] if cases else []), text]), as_json=as_json)
