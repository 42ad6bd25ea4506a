"""The rules of boards, and the seasons that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain.board_config import BoardConfig
from app.domain.schedules import Window
from app.errors import Conflict
from app.stores.boards.board_lock import lock_boards
from app.stores.postgres.rows import Row

_COLUMNS = {"order": "sort_order"}
_FED_BY = "ARRAY(SELECT t.id FROM action_types t WHERE n.board_id = t.board_id OR n.board_id = ANY(t.more_boards))"


class BoardStore:
    """Writes of boards that are not archived, on the caller's connection."""

    def lock(self, connection: sa.Connection) -> None:
        """Let no other transaction change boards, or their action types, until this one ends."""
        lock_boards(connection)

    def now(self, connection: sa.Connection) -> datetime:
        """Return the time by the database's clock."""
        now: datetime = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        return now

    def add(self, connection: sa.Connection, config: BoardConfig) -> int:
        """Insert a board without seasons; return its id. Raises Conflict if the slug was ever used."""
        values = _values({name: getattr(config, name) for name in BoardConfig.__dataclass_fields__})
        statement = f"INSERT INTO boards ({', '.join(values)}) VALUES ({_parameters(values)}) RETURNING id"
        try:
            return int(connection.execute(sa.text(statement), values).scalar_one())
        except IntegrityError as error:
            if not isinstance(error.orig, psycopg.errors.UniqueViolation):
                raise
            raise Conflict(f"The board '{config.slug}' exists already; it may be archived.") from None

    def change(self, connection: sa.Connection, slug: str, changes: Mapping[str, object]) -> int:
        """Change some fields of a board; return its id."""
        values = _values(changes)
        assignments = ", ".join(f"{column} = :{column}" for column in values)
        update = f"UPDATE boards SET {assignments} WHERE slug = :board AND archived_at IS NULL RETURNING id"
        return int(connection.execute(sa.text(update), {**values, "board": slug}).scalar_one())

    def archive(self, connection: sa.Connection, slug: str, at: datetime) -> None:
        """End the open season of a board at that time, drop the seasons after it, and take the board off all lists.

        Its seasons stay readable. The action types that fed it keep its name.
        """
        for statement in (
            """
            DELETE FROM seasons n USING boards b
            WHERE b.id = n.board_id AND b.slug = :board AND n.starts_at > clock_timestamp()
            """,
            """
            UPDATE seasons n SET ends_at = :at FROM boards b
            WHERE b.id = n.board_id AND b.slug = :board AND (n.ends_at IS NULL OR n.ends_at > :at)
            """,
            "UPDATE boards SET archived_at = clock_timestamp() WHERE slug = :board",
        ):
            connection.execute(sa.text(statement), {"board": slug, "at": at})

    def add_seasons(
        self, connection: sa.Connection, board_id: int, windows: Iterable[Window], *, first: int, over_past: bool
    ) -> None:
        """Insert seasons, numbered from `first`; those that have ended are closed. `over_past` is for number 1."""
        rows = [
            {
                "board": board_id,
                "number": number,
                "starts": window.starts_at,
                "ends": window.ends_at,
                "past": over_past and number == 1,
            }
            for number, window in enumerate(windows, first)
        ]
        if rows:
            connection.execute(
                sa.text(
                    """
                    INSERT INTO seasons (board_id, number, starts_at, ends_at, over_past, closed_at)
                    VALUES (:board, :number, :starts, :ends, :past,
                            CASE WHEN CAST(:ends AS timestamptz) <= clock_timestamp() THEN clock_timestamp() END)
                    """
                ),
                rows,
            )

    def lock_seasons(self, connection: sa.Connection, slugs: Sequence[str]) -> None:
        """Lock all seasons of these boards in the order of their ids, as corrections lock ended ones.

        Call it once in a transaction, before any of them changes: an open one may end meanwhile.
        """
        statement = """
            SELECT FROM seasons n JOIN boards b ON b.id = n.board_id
            WHERE b.slug = ANY(:boards) ORDER BY n.id FOR NO KEY UPDATE OF n
        """
        connection.execute(sa.text(statement), {"boards": list(slugs)})

    def keep_ended_seasons(self, connection: sa.Connection, slugs: Sequence[str]) -> None:
        """Let the ended seasons of these boards, which are locked, keep their present rules, however boards change."""
        statement = f"""
            UPDATE seasons n SET scoring = coalesce(n.scoring, b.scoring), fed_by = coalesce(n.fed_by, {_FED_BY}),
                sort_order = coalesce(n.sort_order, b.sort_order)
            FROM boards b WHERE b.id = n.board_id AND b.slug = ANY(:boards) AND n.ends_at <= clock_timestamp()
        """
        connection.execute(sa.text(statement), {"boards": list(slugs)})

    def open_window(self, connection: sa.Connection, slug: str) -> Window | None:
        """Return the time of the board's open season, None without one."""
        row = connection.execute(
            sa.text(
                """
                SELECT n.starts_at, n.ends_at FROM seasons n JOIN boards b ON b.id = n.board_id
                WHERE b.slug = :board AND n.starts_at <= clock_timestamp()
                AND (n.ends_at IS NULL OR n.ends_at > clock_timestamp())
                """
            ),
            {"board": slug},
        ).one_or_none()
        return Window(row.starts_at, row.ends_at) if row else None

    def open_season(self, connection: sa.Connection, board: str) -> Row | None:
        """Return id, number, time and `over_past` of the open season of a board, None without one."""
        return connection.execute(
            sa.text(
                """
                SELECT n.id, n.number, n.starts_at, n.ends_at, n.over_past
                FROM seasons n JOIN boards b ON b.id = n.board_id
                WHERE b.slug = :board AND n.starts_at <= clock_timestamp()
                AND (n.ends_at IS NULL OR n.ends_at > clock_timestamp())
                """
            ),
            {"board": board},
        ).one_or_none()

    def last_number(self, connection: sa.Connection, board_id: int) -> int:
        """Return the number of the newest season that has begun, 0 without one."""
        row = connection.execute(
            sa.text(
                """
                SELECT coalesce(max(number), 0) AS number FROM seasons
                WHERE board_id = :board AND starts_at <= clock_timestamp() AND number > 0
                """
            ),
            {"board": board_id},
        ).one()
        return int(row.number)

    def move_seasons(
        self, connection: sa.Connection, board_id: int, ends_at: datetime | None, following: Iterable[Window]
    ) -> None:
        """End the open season at `ends_at`, and replace the seasons that have not begun by these."""
        values = {"board": board_id, "ends": ends_at}
        connection.execute(
            sa.text("DELETE FROM seasons WHERE board_id = :board AND starts_at > clock_timestamp()"), values
        )
        connection.execute(
            sa.text(
                """
                UPDATE seasons SET ends_at = :ends WHERE board_id = :board AND number > 0
                AND (ends_at IS NULL OR ends_at > clock_timestamp())
                """
            ),
            values,
        )
        first = self.last_number(connection, board_id) + 1
        self.add_seasons(connection, board_id, following, first=first, over_past=False)

    def set_feeds(self, connection: sa.Connection, action_type: str, boards: Sequence[str]) -> None:
        """Let an action type feed these boards, the first one first."""
        connection.execute(
            sa.text(
                """
                UPDATE action_types SET board_id = (SELECT id FROM boards WHERE slug = :board), more_boards = ARRAY(
                    SELECT id FROM boards WHERE slug = ANY(:more) ORDER BY array_position(:more, slug)
                ) WHERE slug = :slug
                """
            ),
            {"slug": action_type, "board": boards[0], "more": list(boards[1:])},
        )

    def has_events(
        self, connection: sa.Connection, types: Sequence[str], since: datetime | None, until: datetime | None
    ) -> bool:
        """Return whether players completed these action types in [since, until); None: at any time."""
        query = """
            SELECT EXISTS (
                SELECT FROM score_events e JOIN action_types t ON t.id = e.action_type_id
                WHERE t.slug = ANY(:types) AND e.kind = 'redeem'
                AND (CAST(:since AS timestamptz) IS NULL OR e.created_at >= :since)
                AND (CAST(:until AS timestamptz) IS NULL OR e.created_at < :until)
            )
        """
        values = {"types": list(types), "since": since, "until": until}
        return bool(types) and bool(connection.execute(sa.text(query), values).scalar_one())


def _values(fields: Mapping[str, object]) -> dict[str, object]:
    return {
        _COLUMNS.get(name, name): list(value) if isinstance(value, tuple) else value for name, value in fields.items()
    }


def _parameters(values: Mapping[str, object]) -> str:
    return ", ".join(f":{name}" for name in values)
