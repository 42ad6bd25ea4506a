"""`flask leaderboard void`, `restore` and `corrections`: voiding points and restoring them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID

import click

from app.cli.commands import as_json, container, example
from app.cli.identity import operator, request_id
from app.cli.leaderboard import leaderboard
from app.cli.moments import Moment
from app.cli.output import emit, facts, print_message, table
from app.cli.progress import ProgressPrinter
from app.domain.corrections import Correction
from app.domain.quantities import quantity
from app.services.moderation.selections import NamedSelection
from app.stores.moderation.correction_previews import Preview

_LIST_COLUMNS = ("made_at", "kind", "state", "events", "points", "players", "made_by", "reason", "id")
_MOVE_COLUMNS = ("username", "board", "events", "points", "score_before", "score_after", "rank_before", "rank_after")
_ALL_ROWS = 1_000_000

_reason_option = click.option("--reason", required=True, help="Reason for the correction; written to the audit log.")
_dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
_limit_option = click.option(
    "--limit",
    type=click.IntRange(1, _ALL_ROWS),
    default=20,
    show_default=True,
    help="Maximum number of players with a changed rank that a dry run shows.",
)


@leaderboard.command(epilog=example("leaderboard void --player mallory --since 2026-11-01 --reason 'a script'"))
@click.option("--player", metavar="USERNAME", help="Only redemptions of this player, by username or id.")
@click.option("--action-type", metavar="SLUG", help="Only redemptions of this action type.")
@click.option("--since", type=Moment(), help="Only redemptions since this time.")
@click.option("--until", type=Moment(), help="Only redemptions before this time; now if not given.")
@click.option("--board", help="Only on this board; on all boards if not given.")
@_reason_option
@_dry_run_option
@_limit_option
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@as_json
def void(
    player: str | None,
    action_type: str | None,
    since: datetime | None,
    until: datetime | None,
    board: str | None,
    reason: str,
    dry_run: bool,
    limit: int,
    yes: bool,
    as_json: bool,
) -> None:
    """Void the points of a player, an action type or a span of time. Nothing is deleted; 'restore' undoes it.

    Play goes on meanwhile. If this is stopped half way, the workers finish it.
    """
    selection = container().selections.find(NamedSelection(player, action_type, board, since, until))
    preview = container().corrections.preview(selection, limit=_ALL_ROWS if as_json else limit)
    if dry_run:
        show_preview(preview, "void", as_json)
        return
    if not yes:
        question = (
            f"Void {quantity(preview.events, 'redemption')} ({quantity(preview.points, 'point')}) "
            f"of {quantity(preview.players, 'player')}?"
        )
        click.confirm(question, abort=True, err=True)
    void_id = container().corrections.void(selection, actor=operator(), reason=reason, request_id=request_id())
    _run_correction(void_id, preview.events, "Voided", as_json)


@leaderboard.command(epilog=example("leaderboard restore 5a25dcaf-a16c-48b9-b7fb-c2e425a77385 --reason mistaken"))
@click.argument("correction", type=click.UUID)
@_reason_option
@_dry_run_option
@_limit_option
@as_json
def restore(correction: UUID, reason: str, dry_run: bool, limit: int, as_json: bool) -> None:
    """Restore the points that a correction voided: every standing is again as it would be without it."""
    void_of = container().corrections.void_to_restore(correction)
    preview = container().corrections.preview(
        void_of.selection, restores_id=correction, limit=_ALL_ROWS if as_json else limit
    )
    if dry_run:
        show_preview(preview, "restore", as_json)
        return
    restore_id = container().corrections.restore(correction, actor=operator(), reason=reason, request_id=request_id())
    _run_correction(restore_id, preview.events, "Restored", as_json)


@leaderboard.command(epilog=example("leaderboard corrections --state running"))
@click.option("--state", type=click.Choice(["running", "done", "restored"]), help="Only corrections in this state.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Maximum number of corrections."
)
@as_json
def corrections(state: str | None, limit: int, as_json: bool) -> None:
    """List voids and restores, the newest first."""
    rows = [_row(correction) for correction in container().corrections.page(limit=limit, state=state)]
    emit(rows, table(rows, _LIST_COLUMNS) if rows else "There are none.", as_json=as_json)


def _run_correction(correction_id: UUID, events: int, verb: str, as_json: bool) -> None:
    with ProgressPrinter(f"{verb} of {events:,}", "redemptions") as progress:
        correction = container().corrections.work(correction_id, on_progress=progress)
    text = (
        f"{verb} {quantity(correction.events, 'redemption')}, {quantity(correction.points, 'point')}, "
        f"of {quantity(correction.players, 'player')}: {correction.id}."
    )
    emit(_row(correction), text, as_json=as_json)


def show_preview(preview: Preview, verb: Literal["void", "restore"], as_json: bool) -> None:
    """Print the result of a dry run, and that nothing was changed."""
    totals = {"events": preview.events, "points": preview.points, "players": preview.players, "moving": preview.moving}
    lines = [table(preview.rows, _MOVE_COLUMNS)] if preview.rows else []
    if len(preview.rows) < preview.moving:
        lines.append(f"and {preview.moving - len(preview.rows):,} more whose rank changes; --json has them all.")
    lines.append(facts({f"points to {verb}" if name == "points" else name: total for name, total in totals.items()}))
    emit({**totals, "moves": preview.rows}, "\n".join(lines), as_json=as_json)
    print_message("Nothing was changed.")


def _row(correction: Correction) -> dict[str, object]:
    row = asdict(correction)
    return {**{name: value for name, value in row.items() if name != "selection"}, "selection": row["selection"]}
