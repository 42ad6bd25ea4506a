"""Held points: visible to their player alone until the hold that is on them ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain.boards import MAX_SCORE
from app.domain.scoring import Hold
from app.errors import Conflict
from app.stores.boards.counting import folded
from app.stores.boards.standing_locks import lock_standings
from app.stores.postgres.engine import Database
from app.stores.postgres.past_times import CLOCKS_DIFFER, past

_SETTLE = f"""
    WITH due AS (
        SELECT s.season_id, s.player_id, due.* FROM standings s JOIN players p ON p.id = s.player_id
        {folded("s", "p")} WHERE {{which}}
    )
    UPDATE standings s SET score = due.score, held = due.held, has_held = due.has_held, achieved_at = due.achieved_at,
        action_id = due.action_id, changes = s.changes + 1
    FROM due WHERE s.season_id = due.season_id AND s.player_id = due.player_id
      AND (s.score, s.held, s.has_held, s.achieved_at, s.action_id)
          IS DISTINCT FROM (due.score, due.held, due.has_held, due.achieved_at, due.action_id)
    RETURNING s.season_id
"""
_SETTLE_PLAYER = _SETTLE.format(which="s.player_id = :player")
_SETTLE_STANDINGS = _SETTLE.format(
    which="""
        (s.season_id, s.player_id) IN (SELECT * FROM unnest(CAST(:seasons AS int[]), CAST(:players AS uuid[])))
        AND (s.has_held OR s.held <> 0)
    """
)
# The time is read with the standings locked, so all redemptions before it are settled, but one that waits for the lock
# may have an earlier time: the sweep settles it.
_REACH_BACK = """
    UPDATE players SET held_under = coalesce(held_under, :hold), held_since = least(held_since, :since),
        held_from = clock_timestamp(), held_until = CASE WHEN :lasts THEN NULL ELSE held_until END
    WHERE id = :player
"""
# All evidence that still counts is from the earliest signal of which a point is left, or later. Points that were
# released, by time or by a person, stay released.
_BEGUN_LATELY = f"""
    SELECT p.id AS player_id, greatest({past("p.released_at")}, {past("s.cleared_at")}, least(t.now, (
        SELECT min(g.at) FROM signals g WHERE g.player_id = p.id
        AND g.added * power(0.5, least(1000, greatest(0, extract(epoch FROM t.now - g.at)) / :half_life)) >= 1
    ))) AS since
    FROM (SELECT CAST(:now AS timestamptz) AS now) t CROSS JOIN players p LEFT JOIN suspicion s ON s.player_id = p.id
    WHERE p.held_until IS NOT NULL AND p.held_since IS NULL LIMIT :most
"""
_TO_RELEASE = """
    SELECT p.id FROM players p LEFT JOIN suspicion s ON s.player_id = p.id
    WHERE p.held_until IS NOT NULL AND (
        p.held_until <= CAST(:now AS timestamptz)
        OR p.held_until > least(s.at, :now) + make_interval(
            secs => :differ + :half_life * ln(greatest(1, coalesce(s.value, 0) / :flag)) / ln(2)
        )
    )
    ORDER BY p.held_until LIMIT :most
"""


class QuarantineStore:
    """Writes take the caller's connection, whose transaction has locked the player.

    They return the seasons in which a standing has changed, for `OutboxStore.add_standings`.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def hold_of(self, connection: sa.Connection, player_id: UUID) -> Hold | None:
        """Return the hold on the player's points, or `None`."""
        row = connection.execute(
            sa.text("SELECT held_under, held_until, held_since, held_from FROM players WHERE id = :player"),
            {"player": player_id},
        ).one()
        return Hold(*row) if row.held_under else None

    def hold(self, connection: sa.Connection, player_id: UUID, hold: Hold | None) -> list[int]:
        """Hold past and future points of this hold, or with `None` none."""
        connection.execute(
            sa.text(
                """
                UPDATE players SET held_under = :hold, held_until = :until, held_since = :since, held_from = :begun,
                    released_at = CASE WHEN CAST(:hold AS uuid) IS NULL AND held_under IS NOT NULL
                        THEN clock_timestamp() ELSE released_at END
                WHERE id = :player
                """
            ),
            {
                "hold": hold and hold.id,
                "until": hold and hold.until,
                "since": hold and hold.since,
                "begun": hold and hold.begun,
                "player": player_id,
            },
        )
        return self.settle(connection, player_id)

    def reach_back(
        self, connection: sa.Connection, player_id: UUID, since: datetime, *, hold_id: UUID, lasts: bool
    ) -> list[int]:
        """Hold the points scored since then too, and all from now on.

        A player without a hold gets the one with `hold_id`. If it `lasts`, only a person ends it.
        """
        lock_standings(connection, player_id)
        values = {"player": player_id, "hold": hold_id, "since": since, "lasts": lasts}
        connection.execute(sa.text(_REACH_BACK), values)
        return self.settle(connection, player_id)

    def begun_lately(self, now: datetime, half_life: float, most: int) -> list[tuple[UUID, datetime]]:
        """Return at most `most` players whose hold, one that ends by itself, has not reached back, and to when it may.

        That is the earliest evidence that still counts `now`, but not before points were last released.
        """
        rows = self._db.rows(_BEGUN_LATELY, now=now, half_life=half_life, most=most)
        return [(row.player_id, row.since) for row in rows]

    def reached_back_lately(self, seconds: float) -> list[UUID]:
        """Return players whose hold reached back in the last `seconds`.

        Their first redemption in a season may have been in flight then: there was no standing to lock.
        """
        rows = self._db.rows(
            "SELECT id FROM players WHERE held_from > now() - make_interval(secs => :seconds)", seconds=seconds
        )
        return [row.id for row in rows]

    def extend(self, connection: sa.Connection, player_id: UUID, until: datetime) -> None:
        """Move the time at which the player's hold may end by itself, if it is one that does."""
        statement = "UPDATE players SET held_until = :until WHERE id = :player AND held_until IS NOT NULL"
        connection.execute(sa.text(statement), {"until": until, "player": player_id})

    def players_to_release(self, now: datetime, flag: float, half_life: float, most: int) -> list[UUID]:
        """Return at most `most` players whose hold may end by itself now, or would end later than it has to.

        A time at which the suspicion has long been below `flag` is from before the clock was set back.
        """
        rows = self._db.rows(_TO_RELEASE, now=now, flag=flag, half_life=half_life, differ=CLOCKS_DIFFER, most=most)
        return [row.id for row in rows]

    def settle(self, connection: sa.Connection, player_id: UUID) -> list[int]:
        """Recompute scores and held points from events and the player's hold. Raises Conflict past MAX_SCORE.

        The rows are locked first, so that the next statement sees the redemption that had them locked.
        """
        lock_standings(connection, player_id)
        return _settle(connection, _SETTLE_PLAYER, {"player": player_id})

    def settle_missed(self, connection: sa.Connection, seasons: Sequence[int], players: Sequence[UUID]) -> None:
        """Correct these standings' held points, which may include a redemption that was in flight at a decision.

        Call it before their events are voided, so that the void subtracts points from the column that has them. The
        caller has locked the standings, and no other standing of the players may be touched: it would be out of order.
        """
        _settle(connection, _SETTLE_STANDINGS, {"seasons": list(seasons), "players": list(players)})

    def players_without_hold(self) -> list[UUID]:
        """Return players with held points but no hold: a redemption was in flight when the hold ended."""
        rows = self._db.rows(
            """
            SELECT DISTINCT s.player_id FROM standings s JOIN players p ON p.id = s.player_id
            WHERE (s.has_held OR s.held <> 0) AND p.held_under IS NULL
            """
        )
        return [row.player_id for row in rows]

    def mislisted_players(self, seconds: float) -> list[UUID]:
        """Return players that are on a board though suspended, or off it though active.

        Their first redemption there was in flight at a decision on them, in the last `seconds`.
        """
        rows = self._db.rows(
            """
            SELECT DISTINCT p.id FROM players p JOIN standings s ON s.player_id = p.id
            WHERE p.status_at > now() - make_interval(secs => :seconds) AND s.listed <> (p.status = 'active')
            """,
            seconds=seconds,
        )
        return [row.id for row in rows]


def _settle(connection: sa.Connection, statement: str, values: Mapping[str, object]) -> list[int]:
    """Return the seasons in which a standing has changed."""
    try:
        return list(connection.execute(sa.text(statement), values).scalars())
    except IntegrityError as error:  # with negative results, a part of the points can be further from 0 than their sum
        raise Conflict(f"Points that are held, or those that are not, would be past {MAX_SCORE}.") from error
