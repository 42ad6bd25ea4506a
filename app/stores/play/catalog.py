"""Boards, their open season, and action types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain.action_types import EARNINGS, LIMITS
from app.domain.boards import ActionType, BoardView, Season
from app.errors import Conflict
from app.stores.boards.board_lock import lock_boards
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row, read_row

_TYPES = """
    SELECT t.id, t.slug, t.name, t.points, t.min_seconds, b.slug AS board, t.burst, t.per_minute,
           t.expected_median_seconds, t.expected_p95_seconds, t.steadiest_hand, t.min_is_fact, t.cadence, t.parallel,
           t.result_kind, t.min_result, t.max_result, t.result_is_duration, t.max_per_second, t.slack_seconds,
           t.token_seconds, ARRAY(
               SELECT m.slug FROM unnest(t.more_boards) WITH ORDINALITY AS fed (board_id, place)
               JOIN boards m ON m.id = fed.board_id ORDER BY place
           ) AS more_boards
    FROM action_types t JOIN boards b ON b.id = t.board_id
"""


SEASONS = """
    SELECT n.id, b.slug AS board, n.number, coalesce(n.scoring, b.scoring) AS scoring,
           coalesce(n.sort_order, b.sort_order) AS sort_order
    FROM seasons n JOIN boards b ON b.id = n.board_id
"""
"""The query of seasons, without a condition on `n` and `b`; `read_season` reads its rows."""


_IS_OPEN = "n.starts_at <= clock_timestamp() AND (n.ends_at IS NULL OR n.ends_at > clock_timestamp())"


_OFFERED = f"""
    SELECT t.*, coalesce((
        SELECT jsonb_agg(jsonb_build_array(s.id, s.board, s.number, s.scoring, s.sort_order)
                         ORDER BY array_position(t.board || t.more_boards, s.board))
        FROM ({SEASONS} WHERE b.slug = ANY(t.board || t.more_boards) AND {_IS_OPEN}) s
    ), '[]') AS seasons
    FROM ({_TYPES} WHERE t.retired_at IS NULL AND t.slug = :slug) t
"""

_NEXT_CHANGE = """
    CASE WHEN n.starts_at > clock_timestamp() THEN n.starts_at WHEN n.ends_at > clock_timestamp() THEN n.ends_at END
"""

_MIRRORED = """
    SELECT n.id, b.slug AS board, n.number, b.scoring, b.sort_order FROM boards b CROSS JOIN LATERAL (
        SELECT id, number FROM seasons WHERE board_id = b.id AND number > 0 AND starts_at <= clock_timestamp()
        ORDER BY starts_at DESC LIMIT 1
    ) n WHERE b.archived_at IS NULL
"""
"""The query of the newest season of each board that has begun: the open one, or else the last one that has ended."""

_CURRENT_FIRST = f"""
    ORDER BY CASE WHEN {_IS_OPEN} THEN 0 WHEN n.starts_at <= clock_timestamp() THEN 1 ELSE 2 END,
             abs(extract(epoch FROM clock_timestamp() - n.starts_at))
"""
"""The order of a board's seasons by how present they are: the open one, the last one that has ended, the next one."""


_SLUGS = "SELECT id, slug FROM {} WHERE id = ANY(:ids)"


def read_season(row: Row) -> Season:
    """Return the season of a row of SEASONS."""
    return Season(row.id, row.board, row.number, row.scoring, row.sort_order)


class CatalogStore:
    """The action types that can be played, and the boards and seasons where they count."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def open_season(self, board: str) -> Season | None:
        """Return the season that scores now; None for a board that doesn't exist, or has no open season."""
        row = self._db.row(f"{SEASONS} WHERE b.slug = :board AND {_IS_OPEN}", board=board)
        return read_season(row) if row else None

    def open_seasons(self) -> list[Season]:
        """Return the open season of every board that has one."""
        return [read_season(row) for row in self._db.rows(f"{SEASONS} WHERE {_IS_OPEN} ORDER BY n.id")]

    def mirrored_seasons(self) -> list[Season]:
        """Return the season of every board that Redis mirrors: the newest one that has begun."""
        return [read_season(row) for row in self._db.rows(f"{_MIRRORED} ORDER BY n.id")]

    def mirrored_season(self, season_id: int) -> Season | None:
        """Return the season if it is one that Redis mirrors and subscribers see, else None."""
        return self.mirrored_of([season_id]).get(season_id)

    def mirrored_of(self, season_ids: Sequence[int]) -> dict[int, Season]:
        """Return those of the seasons that Redis mirrors and subscribers see, by their ids."""
        rows = self._db.rows(
            f"{_MIRRORED} AND b.id IN (SELECT board_id FROM seasons WHERE id = ANY(:ids)) AND n.id = ANY(:ids)",
            ids=list(season_ids),
        )
        return {row.id: read_season(row) for row in rows}

    def view(self, board: str, number: int | None = None) -> BoardView | None:
        """Return the board in this season; None for a board or a season that doesn't exist.

        Without a number it is the open season, or else the last one that has ended, or else the next.
        """
        condition = "" if number is None else " AND n.number = :number"
        rows = self._views(f"b.slug = :board{condition} {_CURRENT_FIRST} LIMIT 1", board=board, number=number)
        return rows[0] if rows else None

    def public_views(self) -> list[BoardView]:
        """Return every public board in its present season, as `view` does; the oldest board first."""
        return self._views(
            f"""
            b.public AND b.archived_at IS NULL AND n.id = (
                SELECT n.id FROM seasons n WHERE n.board_id = b.id {_CURRENT_FIRST} LIMIT 1
            ) ORDER BY b.id
            """
        )

    def _views(self, condition: str, **values: object) -> list[BoardView]:
        rows = self._db.rows(
            f"""
            SELECT n.id, b.slug AS board, n.number, coalesce(n.scoring, b.scoring) AS scoring,
                   coalesce(n.sort_order, b.sort_order) AS sort_order, b.segments, b.public, {_IS_OPEN} AS is_open,
                   extract(epoch FROM {_NEXT_CHANGE} - clock_timestamp())::float AS seconds_left
            FROM seasons n JOIN boards b ON b.id = n.board_id WHERE {condition}
            """,
            **values,
        )
        return [BoardView(read_season(row), row.segments, row.public, row.is_open, row.seconds_left) for row in rows]

    def fed_seasons(self, action_type: ActionType) -> list[Season]:
        """Return the open seasons of the boards that an action type feeds, in their order."""
        rows = self._db.rows(
            f"{SEASONS} WHERE b.slug = ANY(:boards) AND {_IS_OPEN} ORDER BY array_position(:boards, b.slug)",
            boards=action_type.boards,
        )
        return [read_season(row) for row in rows]

    def season(self, season_id: int) -> Season | None:
        """Return a season, open or closed, or None for an unknown id."""
        row = self._db.row(f"{SEASONS} WHERE n.id = :id", id=season_id)
        return read_season(row) if row else None

    def action_types(self) -> list[ActionType]:
        """Return the action types that can be started, ordered by points."""
        rows = self._db.rows(f"{_TYPES} WHERE t.retired_at IS NULL ORDER BY t.points, t.slug")
        return [read_row(row, ActionType) for row in rows]

    def action_type(self, slug: str) -> ActionType | None:
        """Return the action type if it can be started, else None."""
        row = self._db.row(f"{_TYPES} WHERE t.retired_at IS NULL AND t.slug = :slug", slug=slug)
        return read_row(row, ActionType) if row else None

    def offered(self, slug: str) -> tuple[ActionType, list[Season]] | None:
        """Return the action type if it can be started, with the open seasons of `fed_seasons`, in one round trip."""
        row = self._db.row(_OFFERED, slug=slug)
        if row is None:
            return None
        return read_row(row, ActionType, without="seasons"), [Season(*values) for values in row.seasons]

    def retired_types(self) -> list[tuple[ActionType, datetime]]:
        """Return the action types that are no longer offered, each with the time since when; the newest first."""
        query = f"SELECT t.*, r.retired_at FROM ({_TYPES}) t JOIN action_types r ON r.id = t.id"
        rows = self._db.rows(f"{query} WHERE r.retired_at IS NOT NULL ORDER BY r.retired_at DESC, r.id")
        return [(read_row(row, ActionType, without="retired_at"), row.retired_at) for row in rows]

    def type_id(self, slug: str) -> int | None:
        """Return the id of an action type, also of a retired one; None for an unknown slug."""
        row = self._db.row("SELECT id FROM action_types WHERE slug = :slug", slug=slug)
        return int(row.id) if row else None

    def board_id(self, slug: str) -> int | None:
        """Return the board's id; None for a board that doesn't exist."""
        row = self._db.row("SELECT id FROM boards WHERE slug = :slug", slug=slug)
        return int(row.id) if row else None

    def type_slugs(self, ids: Sequence[int]) -> dict[int, str]:
        """Return the slugs of these action types, retired ones too, by id."""
        return {row.id: row.slug for row in self._db.rows(_SLUGS.format("action_types"), ids=list(ids))}

    def board_slugs(self, ids: Sequence[int]) -> dict[int, str]:
        """Return the slugs of these boards, archived ones too, by id."""
        return {row.id: row.slug for row in self._db.rows(_SLUGS.format("boards"), ids=list(ids))}

    def add_action_type(self, connection: sa.Connection, values: Mapping[str, object], boards: Sequence[str]) -> None:
        """Insert an action type that feeds these boards. Raises Conflict if the slug was ever used."""
        columns = ", ".join(values)
        try:
            connection.execute(
                sa.text(
                    f"""
                    INSERT INTO action_types ({columns}, board_id, more_boards)
                    SELECT {", ".join(":" + name for name in values)}, id, ARRAY(
                        SELECT id FROM boards WHERE slug = ANY(:more) ORDER BY array_position(:more, slug)
                    ) FROM boards WHERE slug = :board
                    """
                ),
                {**values, "board": boards[0], "more": list(boards[1:])},
            )
        except IntegrityError as error:
            if not isinstance(error.orig, psycopg.errors.UniqueViolation):
                raise
            raise Conflict(f"The action type '{values['slug']}' exists already; it may be retired.") from None

    def lock(self, connection: sa.Connection) -> None:
        """Let no other transaction change boards, or their action types, until this one ends."""
        lock_boards(connection)

    def change_action_type(self, connection: sa.Connection, slug: str, changes: Mapping[str, object]) -> bool:
        """Change some columns, not the promises of open actions; return False if no such type can be started.

        A tireless person's points may change too: the limits of gain are computed again.
        """
        assignments = ", ".join(f"{column} = :{column}" for column in changes)
        if changes.keys() & set(LIMITS):  # earlier actions are judged by the earlier limits
            assignments += ", limits_since = clock_timestamp()"
        if changes.keys() & set(EARNINGS):
            connection.execute(sa.text("UPDATE gain_progress SET limits_at = NULL"))
        update = f"UPDATE action_types SET {assignments} WHERE slug = :slug AND retired_at IS NULL"
        return bool(connection.execute(sa.text(update), {**changes, "slug": slug}).rowcount)

    def retire_action_type(self, connection: sa.Connection, slug: str) -> bool:
        """Stop offering an action type; open actions may still be completed. Return False if there is none."""
        update = "UPDATE action_types SET retired_at = now() WHERE slug = :slug AND retired_at IS NULL"
        return bool(connection.execute(sa.text(update), {"slug": slug}).rowcount)
