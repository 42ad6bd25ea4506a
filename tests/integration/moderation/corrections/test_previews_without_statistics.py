"""The preview of a large correction on tables that were never analysed: no join is one of all players with all."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.containers.container import Container
from app.domain.boards import MAIN
from app.domain.corrections import Selection
from app.stores.moderation.correction_previews import _MOVES, _VOIDED, values_after
from app.stores.moderation.selections import values_of
from tests.integration.boards.test_scorings import add_board, feed

_PLAYERS = 1500
_FILL = (
    """
    INSERT INTO players (id, username, username_key, password_hash)
    SELECT gen_random_uuid(), 'p-' || n, 'p-' || n, 'x' FROM generate_series(1, :players) n
    """,
    """
    INSERT INTO score_events (action_id, player_id, season_id, action_type_id, points, issued_at, request_id)
    SELECT gen_random_uuid(), id, 1, 1, 1 + length(username), now(), 'r' FROM players WHERE :players > 0
    """,
    """
    INSERT INTO standings (season_id, player_id, score, changes, achieved_at, keeps_newest, action_id)
    SELECT n.id, e.player_id, e.points, 1, e.created_at, CASE WHEN b.scoring = 'best' THEN false END,
           CASE WHEN b.scoring = 'best' THEN e.action_id END
    FROM score_events e CROSS JOIN seasons n JOIN boards b ON b.id = n.board_id WHERE :players > 0
    """,
)


def _most_rows(plan: dict[str, Any]) -> int:
    """Return the most rows that one node of the plan has looked at."""
    rows = plan["Actual Rows"] + plan.get("Rows Removed by Join Filter", 0) + plan.get("Rows Removed by Filter", 0)
    return max(int(rows * plan["Actual Loops"]), *(_most_rows(child) for child in plan.get("Plans", ())), 0)


def test_its_cost_grows_with_the_players(container: Container) -> None:
    feed(container, [add_board(container, "highest", "best")])
    with container.database.transaction() as connection:
        for table in ("players", "score_events_before", "standings"):
            connection.execute(sa.text(f"ALTER TABLE {table} SET (autovacuum_enabled = off)"))
        for statement in _FILL:
            connection.execute(sa.text(statement), {"players": _PLAYERS})
    selection = Selection(action_type_id=1)
    values = {**values_of(selection), "restores_id": None, **values_after(None), "limit": 10}
    with container.database.transaction() as connection:
        connection.execute(sa.text("SET LOCAL statement_timeout = '500s'"))
        explained = connection.execute(
            sa.text(f"EXPLAIN (ANALYZE, FORMAT JSON) {_MOVES.format(touched=_VOIDED)}"), values
        ).scalar_one()
    assert _most_rows(explained[0]["Plan"]) < 20 * _PLAYERS
    preview = container.corrections.preview(selection, limit=3)
    assert (preview.events, preview.players, preview.moving) == (_PLAYERS, _PLAYERS, 2 * _PLAYERS)
    assert {move["board"] for move in container.corrections.preview(selection, limit=9999).rows} == {MAIN, "highest"}
