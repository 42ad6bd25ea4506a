"""`flask anticheat clear`, `confirm`, `undo`: decisions on cases."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import click
from flask.cli import with_appcontext

from app.cli.commands import as_json, container, example
from app.cli.confirmation import confirm as ask
from app.cli.confirmation import confirm_on_terminal, yes_option
from app.cli.identity import operator, request_id
from app.cli.ids import find_case
from app.cli.output import emit
from app.cli.previews import row_limit, show_preview
from app.cli.progress import ProgressPrinter
from app.domain.cases import Decision
from app.domain.quantities import quantity
from app.http.case_presenter import case_row
from app.services.moderation.cases import CaseFile
from app.services.moderation.decisions import DecisionAuthor, DecisionResult
from app.stores.moderation.correction_previews import Preview
from app.tables import safe

_reason_option = click.option(
    "--reason", required=True, help="Reason for the decision; kept with it and in the audit log."
)
_dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would be voided or restored and whose rank would change; change nothing."
)


@click.command(epilog=example("anticheat clear 0b9f… --reason 'a switch for a player who cannot press'"))
@click.argument("case")
@_reason_option
@_dry_run_option
@as_json
@with_appcontext
def clear(case: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Decide that the play was fair: suspicion becomes 0, a suspension is lifted, held points count."""
    case_id = find_case(case)
    if dry_run:
        show_preview(_preview(case_id, "cleared", reason, as_json), "void", as_json)
    else:
        _decide(case_id, "cleared", reason, as_json)


@click.command(epilog=example("anticheat confirm 0b9f… --reason 'a clock made these intervals'"))
@click.argument("case")
@_reason_option
@_dry_run_option
@yes_option
@as_json
@with_appcontext
def confirm(case: str, reason: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Decide that it was cheating: the player is suspended, and their points since the case's start are voided."""
    case_id = find_case(case)
    if dry_run:
        show_preview(_preview(case_id, "confirmed", reason, as_json), "void", as_json)
        return
    ask(lambda: _question(case_id, reason), yes=yes)
    _decide(case_id, "confirmed", reason, as_json)


@click.command(epilog=example("anticheat undo 0b9f… --reason 'the wrong player'"))
@click.argument("case")
@_reason_option
@_dry_run_option
@yes_option
@as_json
@with_appcontext
def undo(case: str, reason: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Undo the last decision: status, suspicion and points are as before, and the case is open again."""
    case_id = find_case(case)
    if dry_run:
        show_preview(_preview(case_id, None, reason, as_json), "restore", as_json)
        return
    confirm_on_terminal(lambda: f"Undo the last decision on the case of {_player_of(case_id)}?", yes=yes)
    with ProgressPrinter("Undoing the decision"):
        result = container().decisions.undo(case_id, _author(reason))
    _print_decision(result, as_json)


COMMANDS: tuple[click.Command, ...] = (clear, confirm, undo)

_DECISION_TEXTS: dict[str, Callable[[str], str]] = {
    "cleared": lambda name: f"Cleared {name}: active, suspicion 0, held points count.",
    "confirmed": lambda name: f"Confirmed: {name} is suspended.",
    "undone": lambda name: f"Undone: the case of {name} is open again, everything as it was before the decision.",
}


def _author(reason: str) -> DecisionAuthor:
    return DecisionAuthor(operator(), reason, request_id())


def _preview(case_id: UUID, decision: Decision | None, reason: str, as_json: bool) -> Preview:
    with ProgressPrinter("Comparing the boards"):
        return container().decisions.preview(case_id, decision, _author(reason), limit=row_limit(as_json))


def _question(case_id: UUID, reason: str) -> str:
    preview = _preview(case_id, "confirmed", reason, as_json=False)
    points = f"{quantity(preview.events, 'redemption')}, {quantity(preview.points, 'point')}"
    return f"Suspend {_player_of(case_id)}, and void {points}?"


def _player_of(case_id: UUID) -> str:
    case_file = container().cases.case_file(case_id)
    return safe(case_file.case.username) if case_file else "an unknown player"


def _decide(case_id: UUID, decision: Decision, reason: str, as_json: bool) -> None:
    with ProgressPrinter("Deciding the case"):
        result = container().decisions.decide(case_id, decision, _author(reason))
    _print_decision(result, as_json)


def _print_decision(result: DecisionResult, as_json: bool) -> None:
    case_file = container().cases.case_file(result.case_id)
    lines = [_text_of(result, case_file)]
    if result.correction_id is not None:
        correction = container().corrections.get(result.correction_id)
        verb = "Voided" if correction.kind == "void" else "Restored"
        lines.append(
            f"{verb} {quantity(correction.events, 'redemption')}, {quantity(correction.points, 'point')}: "
            f"correction {correction.id}."
        )
        if correction.state == "running":
            lines.append("The workers add what is left, or still in flight.")
    emit(case_row(case_file) if case_file else None, "\n".join(lines), as_json=as_json)


def _text_of(result: DecisionResult, case_file: CaseFile | None) -> str:
    if case_file is None or result.status == "erased":
        return f"The case is {result.decision}. Its player was erased, and stays so."
    return _DECISION_TEXTS[result.decision](safe(case_file.case.username))
