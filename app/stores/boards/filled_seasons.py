"""The seasons that a replay fills from the ledger beside the present ones, until they take their place.

A filled season has no board, so that nothing reads it, and rules of its own. Voids, restores and redemptions don't
change it: the players of later events are folded again, until so few are left that the table of standings can be locked
for them. What a hold decides does change it, under the lock on the player that each batch takes too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from app.domain.board_config import BoardConfig
from app.domain.schedules import Window
from app.stores.boards.counting import feeds, folded, is_within

_NEWER = 1_000_000
"""What a replaced standing's change number grows by: Redis then takes the new score for the newer one."""

PAIRS = f"""
    SELECT DISTINCT n.id AS season_id, e.player_id
    FROM score_events e JOIN action_types t ON t.id = e.action_type_id
    JOIN seasons n ON n.replay_id = :replay AND n.board_id IS NULL AND {feeds("t", "n")}
        AND {is_within("e.created_at", "n")}
    WHERE e.kind = 'redeem'
"""
"""The query of the standings, by season and player, that a replay fills."""

_FOLD = f"""
    WITH pair AS MATERIALIZED ({PAIRS} AND e.player_id = ANY(:players)), due AS (
        SELECT s.season_id, s.player_id, p.status = 'active' AS listed, due.*
        FROM pair s JOIN players p ON p.id = s.player_id {folded("s", "p")}
    )
    INSERT INTO standings AS s
        (season_id, player_id, score, held, has_held, keeps_newest, changes, achieved_at, action_id, listed)
    SELECT due.season_id, due.player_id, due.score, due.held, due.has_held,
           CASE WHEN n.scoring IN ('best', 'last') THEN n.scoring = 'last' END,
           coalesce(present.changes, 0) + {_NEWER}, due.achieved_at, due.action_id, due.listed
    FROM due JOIN seasons n ON n.id = due.season_id
    LEFT JOIN boards b ON b.slug = n.fills
    LEFT JOIN seasons old ON old.board_id = b.id AND old.number = n.number
    LEFT JOIN standings present ON present.season_id = old.id AND present.player_id = due.player_id
    ORDER BY due.player_id, due.season_id
    ON CONFLICT (season_id, player_id) DO UPDATE
    SET score = excluded.score, held = excluded.held, has_held = excluded.has_held, listed = excluded.listed,
        achieved_at = excluded.achieved_at, action_id = excluded.action_id,
        changes = greatest(s.changes, excluded.changes) + 1
"""
_REPLACE = (
    # The seasons that were replaced before lead to the new one too.
    "UPDATE seasons SET replaced_by = :new WHERE replaced_by = :old",
    "UPDATE seasons new SET ends_at = old.ends_at FROM seasons old WHERE new.id = :new AND old.id = :old",
    """
    UPDATE seasons SET number = -id, starts_at = 'epoch', ends_at = 'epoch', over_past = false,
        closed_at = clock_timestamp(), players = 0, replaced_by = :new, replay_id = :replay WHERE id = :old
    """,
)
_TAKE_PLACE = """
    UPDATE seasons SET board_id = coalesce(CAST(:board AS int), (SELECT board_id FROM seasons WHERE id = :old)),
        scoring = NULL, sort_order = NULL, fed_by = NULL, replay_id = NULL, fills = NULL, players = NULL,
        closed_at = CASE WHEN ends_at <= clock_timestamp() THEN clock_timestamp() END
    WHERE id = :new
"""


@dataclass(frozen=True, slots=True)
class FilledSeason:
    """A season that a replay fills: `season_id` is the present season of that number, None for a new board."""

    id: int
    board: str
    number: int
    window: Window
    season_id: int | None


class FilledSeasonStore:
    """Writes of filled seasons and their standings, on the caller's connection."""

    def add(
        self,
        connection: sa.Connection,
        replay_id: UUID,
        config: BoardConfig,
        number: int,
        window: Window,
        *,
        over_past: bool,
        fed_by: Sequence[str],
    ) -> None:
        """Add a season to fill by the rules of `config`, from the events of the action types `fed_by`."""
        connection.execute(
            sa.text(
                """
                INSERT INTO seasons
                    (number, starts_at, ends_at, over_past, closed_at, players, scoring, sort_order, fed_by, replay_id,
                     fills)
                VALUES (:number, :starts, :ends, :past, clock_timestamp(), 0, :scoring, :order,
                        ARRAY(SELECT id FROM action_types WHERE slug = ANY(:types)), :replay, :slug)
                """
            ),
            {
                "number": number,
                "starts": window.starts_at,
                "ends": window.ends_at,
                "past": over_past,
                "scoring": config.scoring,
                "order": config.order,
                "types": list(fed_by),
                "replay": replay_id,
                "slug": config.slug,
            },
        )

    def all(self, connection: sa.Connection, replay_id: UUID) -> list[FilledSeason]:
        """Return the seasons that the replay fills."""
        rows = connection.execute(
            sa.text(
                """
                SELECT n.id, n.fills, n.number, n.starts_at, n.ends_at, old.id AS season_id
                FROM seasons n LEFT JOIN boards b ON b.slug = n.fills
                LEFT JOIN seasons old ON old.board_id = b.id AND old.number = n.number
                WHERE n.replay_id = :replay AND n.board_id IS NULL ORDER BY n.fills, n.number
                """
            ),
            {"replay": replay_id},
        )
        return [
            FilledSeason(row.id, row.fills, row.number, Window(row.starts_at, row.ends_at), row.season_id)
            for row in rows
        ]

    def fold(self, connection: sa.Connection, replay_id: UUID, players: Sequence[UUID]) -> int:
        """Write the standings of these players in the filled seasons; return how many."""
        values = {"replay": replay_id, "players": list(players)}
        return connection.execute(sa.text(_FOLD), values).rowcount

    def take_place(
        self, connection: sa.Connection, replay_id: UUID, season: FilledSeason, board_id: int | None
    ) -> None:
        """Put a filled season in the place of the present one, or on the new board `board_id`."""
        values = {"replay": replay_id, "new": season.id, "old": season.season_id, "board": board_id}
        if season.season_id is not None:
            for statement in _REPLACE:
                connection.execute(sa.text(statement), values)
        connection.execute(sa.text(_TAKE_PLACE), values)

    def drop_standings(self, connection: sa.Connection, replay_id: UUID, limit: int) -> int:
        """Delete up to `limit` standings of seasons that were replaced, or filled in vain; return how many.

        A decision locks all standings of its player, also these: they are locked in the same order.
        """
        statement = """
            WITH chosen AS MATERIALIZED (
                SELECT season_id, player_id FROM standings
                WHERE season_id IN (SELECT id FROM seasons WHERE replay_id = :replay) LIMIT :most
            ), locked AS MATERIALIZED (
                SELECT s.season_id, s.player_id FROM standings s JOIN chosen USING (season_id, player_id)
                ORDER BY s.player_id, s.season_id FOR UPDATE OF s
            )
            DELETE FROM standings s USING locked WHERE s.season_id = locked.season_id AND s.player_id = locked.player_id
        """
        return connection.execute(sa.text(statement), {"replay": replay_id, "most": limit}).rowcount

    def drop_seasons(self, connection: sa.Connection, replay_id: UUID) -> None:
        """Delete the seasons that were filled in vain, once they have no standings."""
        statement = "DELETE FROM seasons WHERE replay_id = :replay AND board_id IS NULL"
        connection.execute(sa.text(statement), {"replay": replay_id})
