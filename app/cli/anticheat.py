"""`flask anticheat`: what waits for a human."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import click

from app.cli.commands import Commands, as_json, container, example
from app.cli.moments import Moment
from app.cli.output import emit, facts, table
from app.cli.progress import Progress
from app.domain.times import utc

_CASES = ("opened_at", "username", "status", "state", "signals", "highest_suspicion", "rules", "case_id")
_SIGNALS = ("at", "action_type", "rule", "seen", "expected", "added", "suspicion", "outcome", "source")
_OPENED = ("username", "suspicion", "rules", "case_id")
_DAY = 86_400
_CASE = ("case_id", "state", "opened_at", "decided_at", "username", "status")


@click.group(cls=Commands)
def anticheat() -> None:
    """Cases: list them, show what raised suspicion, look for more in the ledger."""


@anticheat.command(epilog=example("anticheat cases --state open"))
@click.option("--state", type=click.Choice(["open", "cleared", "confirmed"]), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most.")
@as_json
def cases(state: str | None, limit: int, as_json: bool) -> None:
    """List cases, the newest first."""
    found = container().moderation.cases(state=state, limit=limit)
    emit(found, table(found, _CASES) if found else "There are none.", as_json=as_json)


@anticheat.command(epilog=example("anticheat show mallory"))
@click.argument("case_or_user", metavar="CASE|USERNAME")
@as_json
def show(case_or_user: str, as_json: bool) -> None:
    """Show a case, or all cases of a user (username or id), with what each rule saw and added."""
    dossier = _dossier(case_or_user)
    emit(dossier, "\n\n".join(_pages(dossier)), as_json=as_json)


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
    with Progress("Reviewing", "redemptions") as progress:
        done = container().review.again(since, player_id=player_id, done=progress)
    cases = [{"username": container().accounts.find(str(case["player_id"])).username, **case} for case in done.cases]
    said = f"Judged {done.redemptions:,} redemptions of {len(done.players):,} players again: "
    said += f"{done.signals:,} new signals, {len(cases):,} new cases."
    result = {"players": len(done.players), "redemptions": done.redemptions, "signals": done.signals, "cases": cases}
    emit(result, "\n".join([*([table(cases, _OPENED)] if cases else []), said]), as_json=as_json)


def _dossier(case_or_user: str) -> dict[str, Any]:
    moderation, accounts = container().moderation, container().accounts
    try:
        case = moderation.case(UUID(case_or_user))
    except ValueError:
        case = None
    player = accounts.find(str(case["player_id"]) if case else case_or_user)
    return {
        "user_id": player.id,
        "username": player.username,
        "status": player.status,
        "suspicion": round(moderation.suspicion(player.id), 1),
        "cases": [case] if case else moderation.cases_of(player.id),
    }


def _pages(dossier: dict[str, Any]) -> list[str]:
    head = {name: dossier[name] for name in ("username", "user_id", "status", "suspicion")}
    pages = [facts(head)]
    for case in dossier["cases"]:
        shown = facts({name: case[name] for name in _CASE})
        signals = case["signals"]
        pages.append(f"{shown}\n{table(signals, _SIGNALS)}" if signals else shown)
    return pages if dossier["cases"] else [*pages, "There is no case."]
