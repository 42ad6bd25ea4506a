"""Dry runs: the players that an act would move."""

from __future__ import annotations

from typing import Literal

import click

from app.cli.commands import CommandDecorator
from app.cli.output import emit, facts, print_message, table
from app.domain.quantities import quantity
from app.stores.moderation.correction_previews import Preview

_MOVE_COLUMNS = ("username", "board", "events", "points", "score_before", "score_after", "rank_before", "rank_after")
ALL_ROWS = 1_000_000
FIRST_ROWS = 20

dry_run_option: CommandDecorator = click.option(
    "--dry-run", is_flag=True, help="Show what would change; change nothing."
)


def row_limit(as_json: bool) -> int:
    """Return how many rows of a dry run are shown: all as JSON."""
    return ALL_ROWS if as_json else FIRST_ROWS


def show_preview(preview: Preview, verb: Literal["void", "restore"] | None, as_json: bool) -> None:
    """Print the result of a dry run, and that nothing was changed. `verb` None: no points are corrected."""
    totals = {"events": preview.events, "points": preview.points, "players": preview.players, "moving": preview.moving}
    lines = [table(preview.rows, _MOVE_COLUMNS)] if preview.rows else []
    if len(preview.rows) < preview.moving:
        lines.append(f"and {preview.moving - len(preview.rows):,} more whose rank changes; --json has them all.")
    if verb is None:
        lines.append(f"{quantity(preview.moving, 'standing')} would change.")
    else:
        named = {f"points to {verb}" if name == "points" else name: total for name, total in totals.items()}
        lines.append(facts(named))
    emit({**totals, "moves": preview.rows}, "\n".join(lines), as_json=as_json)
    print_message("Nothing was changed.")
