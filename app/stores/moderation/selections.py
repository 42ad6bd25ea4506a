"""The selection of events that a correction is about, as a condition in SQL."""

from __future__ import annotations

from app.domain.corrections import Selection

SELECTED = """
    (CAST(:player_id AS uuid) IS NULL OR e.player_id = :player_id)
    AND (CAST(:action_type_id AS int) IS NULL OR e.action_type_id = :action_type_id)
    AND (CAST(:board_id AS int) IS NULL OR e.action_type_id IN (
        SELECT id FROM action_types WHERE :board_id = board_id OR :board_id = ANY(more_boards)
    ))
    AND e.created_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
    AND e.created_at < coalesce(CAST(:until AS timestamptz), 'infinity')
"""
"""The condition on events `e` of a selection; `values_of` returns its parameters."""


def values_of(selection: Selection) -> dict[str, object]:
    """Return the parameters of SELECTED."""
    return {
        "player_id": selection.player_id,
        "action_type_id": selection.action_type_id,
        "board_id": selection.board_id,
        "since": selection.since,
        "until": selection.until,
    }
