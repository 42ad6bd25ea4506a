"""`flask leaderboard void`, `restore` and `corrections`: voiding points and restoring them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

import click

from app.cli.commands import as_json, container, example
from app.cli.confirmation import confirm, yes_option
from app.cli.identity import operator, request_id
from app.cli.ids import find_correction, find_player
from app.cli.leaderboard import leaderboard
from app.cli.moments import Moment
from app.cli.numbers import WholeNumberRange
from app.cli.output import emit, table
from app.cli.previews import ALL_ROWS, dry_run_option, show_preview
from app.cli.progress import ProgressPrinter
from app.domain.corrections import Correction
from app.domain.quantities import quantity
from app.services.moderation.selections import NamedSelection
from app.stores.moderation.correction_previews import Preview

_LIST_COLUMNS = ("made_at", "kind", "state", "events", "points", "players", "made_by", "reason", "id")

_reason_option = click.option("--reason", required=True, help="Reason for the correction; written to the audit log.")
_limit_option = click.option(
    "--limit",
    type=WholeNumberRange(1, ALL_ROWS),
    default=20,
    show_default=True,
    help="Maximum number of players with a changed rank that a dry run shows.",
)


@leaderboard.command(epilog=example("leaderboard void --player mallory --since 2026-11-01 --reason 'a script'"))
@click.option("--player", metavar="USER", help="Only redemptions of this player, by username or id.")
@click.option("--action-type", metavar="SLUG", help="Only redemptions of this action type.")
@click.option("--since", type=Moment(), help="Only redemptions since this time.")
@click.option("--until", type=Moment(), help="Only redemptions before this time; now if not given.")
@click.option("--board", help="Only on this board; on all boards if not given.")
@_reason_option
@dry_run_option
@_limit_option
@yes_option
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
    player_id = str(find_player(player).id) if player is not None else None
    selection = container().selections.find(NamedSelection(player_id, action_type, board, since, until))
    with ProgressPrinter("Comparing the boards"):
        preview = container().corrections.preview(selection, limit=ALL_ROWS if as_json else limit)
    if dry_run:
        show_preview(preview, "void", as_json)
        return
    confirm(lambda: f"Void {_describe(preview)}?", yes=yes)
    void_id = container().corrections.void(selection, actor=operator(), reason=reason, request_id=request_id())
    _run_correction(void_id, preview.events, "Voided", as_json)


@leaderboard.command(epilog=example("leaderboard restore 5a25dcaf-a16c-48b9-b7fb-c2e425a77385 --reason mistaken"))
@click.argument("correction")
@_reason_option
@dry_run_option
@_limit_option
@yes_option
@as_json
def restore(correction: str, reason: str, dry_run: bool, limit: int, yes: bool, as_json: bool) -> None:
    """Restore the points that a correction voided: every standing is again as it would be without it."""
    void_id = find_correction(correction)
    void_of = container().corrections.void_to_restore(void_id)
    with ProgressPrinter("Comparing the boards"):
        preview = container().corrections.preview(
            void_of.selection, restores_id=void_id, limit=ALL_ROWS if as_json else limit
        )
    if dry_run:
        show_preview(preview, "restore", as_json)
        return
    confirm(lambda: f"Restore {_describe(preview)}?", yes=yes)
    restore_id = container().corrections.restore(void_id, actor=operator(), reason=reason, request_id=request_id())
    _run_correction(restore_id, preview.events, "Restored", as_json)


@leaderboard.command(epilog=example("leaderboard corrections --state running"))
@click.option("--state", type=click.Choice(["running", "done", "restored"]), help="Only corrections in this state.")
@click.option(
    "--limit", type=WholeNumberRange(1, 10_000), default=50, show_default=True, help="Maximum number of corrections."
)
@as_json
def corrections(state: str | None, limit: int, as_json: bool) -> None:
    """List voids and restores, the newest first."""
    rows = [_row(correction) for correction in container().corrections.page(limit=limit, state=state)]
    emit(rows, table(rows, _LIST_COLUMNS) if rows else "There are none.", as_json=as_json)


def _describe(preview: Preview) -> str:
    return (
        f"{quantity(preview.events, 'redemption')} ({quantity(preview.points, 'point')}) "
        f"of {quantity(preview.players, 'player')}"
    )


def _run_correction(correction_id: UUID, events: int, verb: str, as_json: bool) -> None:
    activity = "Voiding" if verb == "Voided" else "Restoring"
    with ProgressPrinter(activity, "redemptions", total=events) as progress:
        correction = container().corrections.work(correction_id, on_progress=progress)
    text = (
        f"{verb} {quantity(correction.events, 'redemption')}, {quantity(correction.points, 'point')}, "
        f"of {quantity(correction.players, 'player')}: {correction.id}."
    )
    emit(_row(correction), text, as_json=as_json)


def _row(correction: Correction) -> dict[str, object]:
    row = asdict(correction)
    return {**{name: value for name, value in row.items() if name != "selection"}, "selection": row["selection"]}
