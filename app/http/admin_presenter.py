"""The changes and the moves of a dry run, as its answer has them; ids and times are not text yet."""

from __future__ import annotations

from app.stores.moderation.correction_previews import Preview


def moves_data(preview: Preview) -> dict[str, object]:
    """Return a preview: its sums, and the first of the players that would move."""
    return {
        "dry_run": True,
        "events": preview.events,
        "points": preview.points,
        "players": preview.players,
        "moving": preview.moving,
        "moves": preview.rows,
    }
