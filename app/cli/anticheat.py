"""`flask anticheat`: what waits for a human."""

from __future__ import annotations

from datetime import datetime

import click

from app.cli.backtest import backtest
from app.cli.calibrate import calibrate
from app.cli.cases import COMMANDS
from app.cli.commands import Commands, as_json, container, example, note
from app.cli.model import model
from app.cli.moments import Moment
from app.cli.output import emit, table
from app.cli.progress import ProgressPrinter
from app.domain.times import utc

_OPENED = ("username", "suspicion", "rules", "case_id")
_DAY = 86_400


@click.group(cls=Commands)
def anticheat() -> None:
    """Cases: list them, show what raised suspicion, decide, take a decision back, look for more in the ledger."""


for _command in COMMANDS:
    anticheat.add_command(_command)
anticheat.add_command(model)
anticheat.add_command(backtest)
anticheat.add_command(calibrate)


@anticheat.command(epilog=example("anticheat review --player mallory --since 2026-11-01"))
@click.option("--player", metavar="USERNAME", help="Only this one, by username or id; else all.")
@click.option("--since", type=Moment(), help="What was redeemed since then; the last day if not given.")
@as_json
def review(player: str | None, since: datetime | None, as_json: bool) -> None:
    """Judge again from the ledger, with the settings of now, as the worker does every minute; open cases for a person.

    It suspends nobody and takes nothing away.
    """
    player_id = container().accounts.find(player).id if player else None
    since = since or utc(container().clock() - _DAY)
    note("anticheat.review", "ledger" if player_id is None else f"player:{player_id}", since=since)
    with ProgressPrinter("Reviewing", "redemptions") as progress:
        done = container().review.again(since, player_id=player_id, done=progress)
    cases = [{"username": container().accounts.find(str(case["player_id"])).username, **case} for case in done.cases]
    said = f"Judged {done.redemptions:,} redemptions of {len(done.players):,} players again: "
    said += f"{done.signals:,} new signals, {len(cases):,} new cases."
    result = {"players": len(done.players), "redemptions": done.redemptions, "signals": done.signals, "cases": cases}
    emit(result, "\n".join([*([table(cases, _OPENED)] if cases else []), said]), as_json=as_json)
