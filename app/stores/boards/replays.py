"""Replays: seasons that are filled from the ledger beside the present ones, and then take their place.

A filled season has no board, so that nothing reads it, and rules of its own. Voids, restores and redemptions don't
change it: the players of later events are folded again, until so few are left that the table of standings can be locked
for them. What a hold decides does change it, under the lock on the player that each batch takes too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from app.domain.board_config import BoardConfig
from app.domain.schedules import Window
from app.stores.boards.counting import feeds, folded, is_within
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row

_COLUMNS = "id, state, plan, made_by, request_id, made_at, player_id, covered_id, is_walked, standings"
_UNFINISHED = "state IN ('running', 'switched')"
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
    ORDER BY due.season_id, due.player_id
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
class Replay:
    """A replay: `plan` is carried out at its end; `player_id`: all players up to there were folded once."""

    id: UUID
    state: str
    plan: Mapping[str, Any]
    made_by: str
    request_id: str
    made_at: datetime
    player_id: UUID | None
    covered_id: int | None
    is_walked: bool
    standings: int


@dataclass(frozen=True, slots=True)
class FilledSeason:
    """A season that a replay fills: `season_id` is the present season of that number, None for a new board."""

    id: int
    board: str
    number: int
    window: Window
    season_id: int | None


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest event, and a transaction: once it and all before it are over, every event up to there is visible."""

    event_id: int
    transaction: int


class ReplayStore:
    """Replays, of which one at most is unfinished. Writes take the caller's connection."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def unfinished(self) -> Replay | None:
        """Return the replay that has not been finished, None without one."""
        row = self._db.row(f"SELECT {_COLUMNS} FROM replays WHERE {_UNFINISHED}")
        return Replay(*row) if row else None

    def get(self, replay_id: UUID) -> Replay | None:
        """Return a replay, None for an unknown id."""
        row = self._db.row(f"SELECT {_COLUMNS} FROM replays WHERE id = :id", id=replay_id)
        return Replay(*row) if row else None

    def lock(self, connection: sa.Connection, replay_id: UUID) -> Replay | None:
        """Lock the replay until the transaction ends, and return it."""
        query = f"SELECT {_COLUMNS} FROM replays WHERE id = :id FOR UPDATE"
        row = connection.execute(sa.text(query), {"id": replay_id}).one_or_none()
        return Replay(*row) if row else None

    def add(self, connection: sa.Connection, plan: str, made_by: str, request_id: str) -> UUID:
        """Begin a replay with this plan, in JSON; return its id."""
        values = {"id": uuid4(), "plan": plan, "made_by": made_by, "request_id": request_id}
        statement = """
            INSERT INTO replays (id, plan, made_by, request_id)
            VALUES (:id, CAST(:plan AS jsonb), :made_by, :request_id)
        """
        connection.execute(sa.text(statement), values)
        return values["id"]  # type: ignore[return-value]

    def finish(self, connection: sa.Connection, replay_id: UUID, state: str) -> None:
        """Write the state of a replay, and its end unless that is `switched`."""
        statement = """
            UPDATE replays SET state = :state, finished_at = CASE WHEN :state <> 'switched' THEN clock_timestamp() END
            WHERE id = :id
        """
        connection.execute(sa.text(statement), {"id": replay_id, "state": state})

    def add_season(
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

    def seasons(self, connection: sa.Connection, replay_id: UUID) -> list[FilledSeason]:
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

    def mark(self, connection: sa.Connection) -> Mark:
        """Return a mark of the events so far."""
        event = connection.execute(sa.text("SELECT coalesce(max(id), 0) AS id FROM score_events")).one()
        transaction = connection.execute(sa.text("SELECT pg_current_xact_id()::text::bigint AS id")).one()
        return Mark(event.id, transaction.id)

    def is_settled(self, mark: Mark) -> bool:
        """Return whether every event up to the mark is visible now, however late its transaction ended."""
        row = self._db.row("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest")
        return row is not None and row.oldest > mark.transaction

    def cover(self, connection: sa.Connection, replay_id: UUID, event_id: int) -> None:
        """Write that all events up to this one are in the filled seasons."""
        statement = "UPDATE replays SET covered_id = :event WHERE id = :id"
        connection.execute(sa.text(statement), {"id": replay_id, "event": event_id})

    def uncover(self, connection: sa.Connection, replay_id: UUID, since: datetime) -> None:
        """Write that the events from this time on may be missing in a filled season."""
        connection.execute(
            sa.text(
                """
                UPDATE replays SET covered_id = least(covered_id, coalesce((
                    SELECT id FROM score_events WHERE created_at < CAST(:since AS timestamptz) - interval '1 minute'
                    ORDER BY id DESC LIMIT 1
                ), 0)) WHERE id = :id
                """
            ),
            {"id": replay_id, "since": since},
        )

    def next_players(self, connection: sa.Connection, after: UUID | None, limit: int) -> list[UUID]:
        """Lock the next players by id, so that no decision about them is made meanwhile, and return them."""
        query = """
            SELECT id FROM players WHERE id > coalesce(CAST(:after AS uuid), CAST(:nil AS uuid))
            ORDER BY id LIMIT :most FOR SHARE
        """
        values = {"after": after, "most": limit, "nil": UUID(int=0)}
        return [row.id for row in connection.execute(sa.text(query), values)]

    def players_since(
        self, connection: sa.Connection, event_id: int, until: int | None, after: UUID, limit: int
    ) -> list[UUID]:
        """Return the next players by id with an event of any kind after `event_id`, up to `until`."""
        query = """
            SELECT DISTINCT player_id FROM score_events
            WHERE id > :event AND (CAST(:until AS bigint) IS NULL OR id <= :until) AND player_id > :after
            ORDER BY player_id LIMIT :most
        """
        values = {"event": event_id, "until": until, "after": after, "most": limit}
        return [row.player_id for row in connection.execute(sa.text(query), values)]

    def lock_players(self, connection: sa.Connection, players: Sequence[UUID]) -> None:
        """Let no decision about these players be made until the transaction ends."""
        query = "SELECT FROM players WHERE id = ANY(:players) ORDER BY id FOR SHARE"
        connection.execute(sa.text(query), {"players": list(players)})

    def fold(self, connection: sa.Connection, replay_id: UUID, players: Sequence[UUID]) -> int:
        """Write the standings of these players in the filled seasons; return how many."""
        values = {"replay": replay_id, "players": list(players)}
        return connection.execute(sa.text(_FOLD), values).rowcount

    def advance(self, connection: sa.Connection, replay_id: UUID, last: UUID | None, standings: int) -> None:
        """Write that all players up to `last` were folded, None for all players, and count their standings."""
        connection.execute(
            sa.text(
                """
                UPDATE replays SET player_id = coalesce(CAST(:last AS uuid), player_id),
                    is_walked = is_walked OR CAST(:last AS uuid) IS NULL, standings = standings + :standings
                WHERE id = :id
                """
            ),
            {"id": replay_id, "last": last, "standings": standings},
        )

    def lock_standings(self, connection: sa.Connection) -> None:
        """Let all changes of standings wait until the transaction ends. Raises OperationalError.

        Autovacuum makes room after a second (deadlock_timeout), so the wait for the lock is longer.
        """
        connection.execute(sa.text("SET LOCAL lock_timeout = '3s'"))
        connection.execute(sa.text("LOCK TABLE standings IN EXCLUSIVE MODE"))

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
        """Delete up to `limit` standings of seasons that were replaced, or filled in vain; return how many."""
        statement = """
            DELETE FROM standings WHERE (season_id, player_id) IN (
                SELECT season_id, player_id FROM standings
                WHERE season_id IN (SELECT id FROM seasons WHERE replay_id = :replay) LIMIT :most
            )
        """
        return connection.execute(sa.text(statement), {"replay": replay_id, "most": limit}).rowcount

    def drop_seasons(self, connection: sa.Connection, replay_id: UUID) -> None:
        """Delete the seasons that were filled in vain, once they have no standings."""
        statement = "DELETE FROM seasons WHERE replay_id = :replay AND board_id IS NULL"
        connection.execute(sa.text(statement), {"replay": replay_id})
