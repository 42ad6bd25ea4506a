"""`flask anticheat cases`, `show`, `clear`, `confirm`, `undo`: what waits for a person, and what they decide."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import click
from flask.cli import with_appcontext

from app.cli.commands import as_json, container, example
from app.cli.corrections import show_preview
from app.cli.identity import operator, request_id
from app.cli.moments import Moment
from app.cli.output import emit, facts, safe, table, tell
from app.domain.cases import DECISIONS, STATES, Decision
from app.errors import NotFound
from app.services.moderation.decisions import DecisionAuthor, DecisionResult
from app.stores.moderation.cases import Filters

_CASES = ("opened_at", "username", "status", "state", "signals", "highest_suspicion", "rules", "appealed_at", "case_id")
_SIGNALS = ("at", "action_type", "rule", "seen", "expected", "added", "left", "suspicion", "outcome", "source")
_CASE = ("case_id", "state", "opened_at", "starts_at", "decided_at", "decided_by", "reason", "username", "status")
_DECISIONS = ("decided_at", "decision", "decided_by", "decided_by_name", "reason", "correction_id")
_SHOWN, _ALL = 20, 1_000_000  # rows of a dry run
_reason = click.option("--reason", required=True, help="Why; it is kept with the decision, and in the audit log.")


@click.command(epilog=example("anticheat cases --state open --appealed"))
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@click.option("--player", metavar="USERNAME", help="Only this one's, by username or id.")
@click.option("--rule", help="Only of this rule: timing, pattern, frequency, forgery, replay, or the model's.")
@click.option("--appealed/--not-appealed", default=None, help="Only those that their player has (not) appealed in.")
@click.option("--since", type=Moment(), help="Only those opened since then.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most.")
@as_json
@with_appcontext
def cases(
    state: str | None,
    player: str | None,
    rule: str | None,
    appealed: bool | None,
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List cases, the newest first."""
    player_id = container().accounts.find(player).id if player else None
    found, more = container().cases.page(Filters(state, player_id, rule, appealed, since), limit=limit)
    emit(found, table(found, _CASES) if found else "There are none.", as_json=as_json)
    if more:
        tell(f"There are more than these {limit}: narrow it, or raise --limit.")


@click.command(epilog=example("anticheat show mallory"))
@click.argument("case_or_user", metavar="CASE|USERNAME")
@as_json
@with_appcontext
def show(case_or_user: str, as_json: bool) -> None:
    """Show a case, or all cases of a user (username or id): what was seen, what was expected, what it added, what of it
    is left by now; the appeal and the decisions."""
    dossier = _dossier(case_or_user)
    emit(dossier, "\n\n".join(_pages(dossier)), as_json=as_json)


@click.command(epilog=example("anticheat clear 0b9f… --reason 'a switch for a player who cannot press'"))
@click.argument("case", type=click.UUID)
@_reason
@as_json
@with_appcontext
def clear(case: UUID, reason: str, as_json: bool) -> None:
    """Decide that it was fair play: suspicion is 0, a suspension is lifted, held points count."""
    _decide(case, "cleared", reason, as_json)


@click.command(epilog=example("anticheat confirm 0b9f… --reason 'a clock made these intervals'"))
@click.argument("case", type=click.UUID)
@_reason
@click.option("--dry-run", is_flag=True, help="Say what would be voided and who would move, and change nothing.")
@as_json
@with_appcontext
def confirm(case: UUID, reason: str, dry_run: bool, as_json: bool) -> None:
    """Decide that it was cheating: the player is suspended, and what they scored since the case's start is voided."""
    if dry_run:
        selection = container().decisions.to_void(case)
        limit = _ALL if as_json else _SHOWN
        preview = container().corrections.preview(selection, leaves=selection.player_id, limit=limit)
        show_preview(preview, as_json)
    else:
        _decide(case, "confirmed", reason, as_json)


@click.command(epilog=example("anticheat undo 0b9f… --reason 'the wrong player'"))
@click.argument("case", type=click.UUID)
@_reason
@as_json
@with_appcontext
def undo(case: UUID, reason: str, as_json: bool) -> None:
    """Take the last decision back: status, suspicion and points are as before, and the case is open again."""
    _say(container().decisions.undo(case, _by(reason)), as_json)


COMMANDS: tuple[click.Command, ...] = (cases, show, clear, confirm, undo)

_DONE: dict[str, Callable[[str], str]] = {
    "cleared": lambda name: f"Cleared {name}: active, suspicion 0, held points count.",
    "confirmed": lambda name: f"Confirmed: {name} is suspended.",
    "undone": lambda name: f"Undone: the case of {name} is open again, everything as it was before the decision.",
}


def _by(reason: str) -> DecisionAuthor:
    return DecisionAuthor(operator(), reason, request_id())


def _decide(case: UUID, decision: Decision, reason: str, as_json: bool) -> None:
    assert decision in DECISIONS
    _say(container().decisions.decide(case, decision, _by(reason)), as_json)


def _say(done: DecisionResult, as_json: bool) -> None:
    name = container().accounts.find(str(done.player_id)).username
    said = [_DONE[done.decision](safe(name))]
    if done.correction_id is not None:
        made = container().corrections.get(done.correction_id)
        word = "Voided" if made.kind == "void" else "Restored"
        rest = "; the workers go on with it" if made.state == "running" else ""
        said.append(f"{word} {made.events:,} redemptions, {made.points:,} points{rest}: correction {made.id}.")
    emit(container().cases.one(done.case_id), "\n".join(said), as_json=as_json)


def _dossier(case_or_user: str) -> dict[str, Any]:
    cases, accounts = container().cases, container().accounts
    try:
        case = cases.one(UUID(case_or_user))
    except ValueError:
        case = None
    try:
        player = accounts.find(str(case["player_id"]) if case else case_or_user)
    except NotFound:
        raise NotFound("There is no such case and no such user.") from None
    return {
        "user_id": player.id,
        "username": player.username,
        "status": player.status,
        "suspicion": round(cases.suspicion(player.id), 1),
        "cases": [case] if case else cases.of(player.id),
    }


def _pages(dossier: dict[str, Any]) -> list[str]:
    pages = [facts({name: dossier[name] for name in ("username", "user_id", "status", "suspicion")})]
    pages += [_page(case) for case in dossier["cases"]]
    return pages if dossier["cases"] else [*pages, "There is no case."]


def _page(case: dict[str, Any]) -> str:
    parts = [facts({name: case[name] for name in _CASE}), safe(case["summary"])]
    if case["held"]:
        parts.append("What the player scores is held until this is decided.")
    if case["appeal"] is not None:
        parts.append(facts({"appealed_at": case["appealed_at"], "appeal": case["appeal"]}))
    if case["signals"]:
        parts.append(table(case["signals"], _SIGNALS))
    if case["decisions"]:
        parts.append(table(case["decisions"], _DECISIONS))
    return "\n".join(parts)
