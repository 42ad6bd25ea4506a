"""Points that players gained lately: running sums by hour and day, and the looks at those who gained much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from anticheat.gain import GainLimits
from app.stores.boards.counting import COUNTS, NEWEST_REVERSAL, bounded, total
from app.stores.moderation.gain_limits import FIRST_DAY, SUMMED, WINDOW
from app.stores.postgres.engine import Database
from app.stores.postgres.past_times import past

# An event gets its number before its commit: an older number may appear after a newer one, delayed at most by the
# longest transaction that writes events. The running sums have older events alone, each exactly once.
_SETTLE_SECONDS = 30

# The first time, the sums begin with the first event of the days before. OFFSET 0: found by the index of times.
_POSITION = f"""
    SELECT cursor, limits, {past("limits_at")} > greatest(
               now() - interval '1 hour',
               (SELECT max({past("greatest(created_at, limits_since, retired_at)")}) FROM action_types)
           ) AS limits_are_new,
           (SELECT max(id) FROM score_events) AS newest,
           (SELECT id FROM score_events
            WHERE coalesce(imported_at, created_at) < clock_timestamp() - interval '{_SETTLE_SECONDS} s'
            ORDER BY id DESC LIMIT 1) AS settled
    FROM gain_progress
"""
_BEGIN = f"""
    INSERT INTO gain_progress (number, cursor)
    SELECT 1, coalesce(min(id) - 1, (SELECT max(id) FROM score_events), 0)
    FROM (SELECT id FROM score_events WHERE created_at >= {FIRST_DAY} OFFSET 0) lately
    ON CONFLICT DO NOTHING
"""
_FOLD = f"""
    WITH events AS MATERIALIZED (
        SELECT player_id, points, created_at, id FROM score_events
        WHERE id > :after AND id <= :until AND kind = 'redeem' AND api_key_id IS NULL AND action_type_id {SUMMED}
    ), hours AS (
        INSERT INTO gain_hours AS g (player_id, starts_at, points, first_event)
        SELECT player_id, date_trunc('hour', created_at, 'UTC') AS hour, {total("points")}, min(id) FROM events
        WHERE created_at >= {WINDOW} GROUP BY player_id, hour ORDER BY player_id, hour
        ON CONFLICT (player_id, starts_at) DO UPDATE
        SET points = {bounded("g.points + excluded.points")}, first_event = least(g.first_event, excluded.first_event)
    ), days AS (
        INSERT INTO gain_days AS g (player_id, starts_at, points)
        SELECT player_id, date_trunc('day', created_at, 'UTC') AS day, {total("points")} FROM events
        GROUP BY player_id, day ORDER BY player_id, day
        ON CONFLICT (player_id, starts_at) DO UPDATE SET points = {bounded("g.points + excluded.points")}
    )
    UPDATE gain_progress SET cursor = :until
"""
# Sums of whole hours, so up to an hour more than the exact ones: never less. A hold that only a person ends, and that
# has reached back, leaves nothing to do.
_CANDIDATES = f"""
    WITH fresh AS (
        SELECT player_id, coalesce(sum(points) FILTER (WHERE created_at >= {WINDOW}), 0) AS points, min(id) AS first
        FROM score_events
        WHERE id > :after AND id <= :until AND kind = 'redeem' AND api_key_id IS NULL AND action_type_id {SUMMED}
        GROUP BY player_id
    ), watched AS MATERIALIZED (
        SELECT player_id, coalesce(f.points, 0) + coalesce(h.points, 0) AS points, least(f.first, h.first) AS first
        FROM fresh f FULL JOIN unnest(CAST(:entrants AS uuid[])) AS entrant (player_id) USING (player_id)
        LEFT JOIN LATERAL (
            SELECT sum(g.points) AS points, min(g.first_event) AS first FROM gain_hours g
            WHERE g.player_id = coalesce(f.player_id, entrant.player_id) AND g.starts_at >= {WINDOW}
        ) h ON true
    )
    SELECT w.player_id, {bounded("w.points")} AS points, coalesce(w.first, 0) AS first_event
    FROM watched w JOIN players p ON p.id = w.player_id LEFT JOIN gain_looks l ON l.player_id = w.player_id
    WHERE p.status = 'active' AND (p.held_since IS NULL OR p.held_until IS NOT NULL)
      AND (w.points > :high OR w.player_id = ANY(:entrants))
      AND (l.looked_at IS NULL OR l.looked_at < now() - make_interval(secs => :pause) OR l.looked_at > now()
           OR w.points >= l.next_points OR w.player_id = ANY(:new_entrants))
"""
_PODIUM = """
    SELECT s.season_id, s.player_id, e.entered_at IS NULL AS is_new,
           e.entered_at IS NULL OR e.entered_at > now() - interval '24 hours' AS is_entrant
    FROM (
        SELECT season_id, player_id FROM standings WHERE season_id = :season AND listed AND achieved_at IS NOT NULL
        ORDER BY score DESC, achieved_at, player_id LIMIT :most
    ) s LEFT JOIN podium_entries e USING (season_id, player_id)
"""
_DAY = f"""
    SELECT f.since, d.points, (
               SELECT sum(g.added) >= :flag FROM cases c JOIN signals g ON g.case_id = c.id
               WHERE c.player_id = :player AND c.state = 'open' AND g.source NOT IN ('gain', 'model')
           ) IS TRUE AS has_case,
           (SELECT coalesce(sum(added), 0) FROM signals WHERE player_id = :player AND source = 'model'
            AND at > now() - interval '1 hour' - make_interval(secs => :lately)) AS by_model,
           (SELECT max(gain_points) FROM cases WHERE player_id = :player AND state = 'cleared') AS accepted
    FROM (
        SELECT greatest(now() - interval '24 hours',
                        (SELECT {past("cleared_at")} FROM suspicion WHERE player_id = :player),
                        (SELECT max({past("decided_at")}) FROM cases WHERE player_id = :player)) AS since
    ) f CROSS JOIN LATERAL (
        SELECT {total("e.points")} AS points
        FROM score_events e {NEWEST_REVERSAL}
        WHERE e.player_id = :player AND e.id >= :first AND e.created_at >= f.since AND {COUNTS}
          AND e.api_key_id IS NULL AND e.action_type_id {SUMMED}
    ) d
"""


@dataclass(frozen=True, slots=True)
class GainPosition:
    """The last event in the running sums, the last that may enter them, and the newest; the limits in force."""

    cursor: int
    settled: int
    newest: int
    limits: GainLimits | None
    limits_are_new: bool


@dataclass(frozen=True, slots=True)
class GainCandidate:
    """A player to look at: the points in 24 hours at most, and the first event of that time or an earlier one."""

    player_id: UUID
    points: int
    first_event: int


@dataclass(frozen=True, slots=True)
class Entrant:
    """A player on a podium who entered it within 24 hours; `is_new`: seen there for the first time."""

    player_id: UUID
    season_id: int
    place: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class GainedDay:
    """A player's counting points since `since`, 24 hours ago or the last decision on them.

    `has_case`: a case is open that evidence of others than gain and the model would have opened. `by_model`: the
    suspicion that the model added lately. `accepted`: the most points that a person has cleared.
    """

    since: datetime
    points: int
    has_case: bool
    by_model: float
    accepted: int


class GainStore:
    """Running sums and looks. Writes that belong to a case take the caller's connection."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def position(self) -> GainPosition:
        """Return the progress of the running sums, which begin with the first call."""
        row = self._db.row(_POSITION)
        if row is None:
            with self._db.transaction() as connection:
                connection.execute(sa.text(_BEGIN))
            row = self._db.row(_POSITION)
        assert row is not None
        limits = GainLimits(**row.limits) if row.limits else None
        return GainPosition(row.cursor, row.settled or 0, row.newest or 0, limits, bool(row.limits_are_new))

    def fold(self, after: int, until: int) -> None:
        """Add the events after `after` up to `until` to the running sums, unless another process has done so."""
        with self._db.transaction() as connection:
            cursor = connection.execute(sa.text("SELECT cursor FROM gain_progress FOR UPDATE")).scalar_one()
            if cursor == after:
                connection.execute(sa.text(_FOLD), {"after": after, "until": until})

    def candidates(
        self, after: int, until: int, high: float, entrants: Sequence[Entrant], pause: float
    ) -> list[GainCandidate]:
        """Return the players to look at: above `high` with an event of these, or entrants; once in `pause` seconds."""
        rows = self._db.rows(
            _CANDIDATES,
            after=after,
            until=until,
            high=high,
            entrants=[entrant.player_id for entrant in entrants],
            new_entrants=[entrant.player_id for entrant in entrants if entrant.is_new],
            pause=pause,
        )
        return [GainCandidate(*row) for row in rows]

    def players_up_to(self, season_id: int, most: int) -> int:
        """Return the number of players on the board of a season, `most` at most."""
        row = self._db.row(
            """
            SELECT count(*) AS players FROM (
                SELECT FROM standings WHERE season_id = :season AND listed AND achieved_at IS NOT NULL
                ORDER BY score DESC LIMIT :most
            ) s
            """,
            season=season_id,
            most=most,
        )
        return int(row.players) if row else 0

    def entrants(self, season_id: int, places: int) -> list[Entrant]:
        """Return the players in the first places of a season who entered them in the last 24 hours."""
        rows = self._db.rows(_PODIUM, season=season_id, most=places)
        return [
            Entrant(row.player_id, season_id, place, row.is_new) for place, row in enumerate(rows, 1) if row.is_entrant
        ]

    def day(self, candidate: GainCandidate, flag: float, half_life: float) -> GainedDay:
        """Return the exact points of the candidate's last 24 hours, from the ledger.

        The model judges up to the last full hour, and after two half-lives a quarter of its points is left.
        """
        row = self._db.row(
            _DAY, player=candidate.player_id, first=candidate.first_event, flag=flag, lately=2 * half_life
        )
        assert row is not None
        return GainedDay(row.since, row.points, row.has_case, row.by_model, row.accepted or 0)

    def note_look(self, candidate: GainCandidate, next_points: float, entries: Sequence[Entrant]) -> None:
        """Store that the candidate was looked at, also on these podiums, and from which points on it is again."""
        with self._db.transaction() as connection:
            connection.execute(
                sa.text(
                    """
                    INSERT INTO gain_looks (player_id, looked_at, next_points) VALUES (:player, now(), :next)
                    ON CONFLICT (player_id) DO UPDATE
                    SET looked_at = excluded.looked_at, next_points = excluded.next_points
                    """
                ),
                {"player": candidate.player_id, "next": int(next_points)},
            )
            connection.execute(
                sa.text(
                    """
                    INSERT INTO podium_entries (season_id, player_id, entered_at)
                    SELECT unnest(CAST(:seasons AS integer[])), :player, now() ON CONFLICT DO NOTHING
                    """
                ),
                {"seasons": [entry.season_id for entry in entries if entry.is_new], "player": candidate.player_id},
            )

    def outcomes_of(self, connection: sa.Connection, player_id: UUID) -> set[str]:
        """Return the outcome of the gain on the player's open case: `flag`, `hold` or both."""
        statement = """
            SELECT DISTINCT g.outcome FROM signals g JOIN cases c ON c.id = g.case_id
            WHERE c.player_id = :player AND c.state = 'open' AND g.source = 'gain'
        """
        return set(connection.execute(sa.text(statement), {"player": player_id}).scalars())

    def add_signal(
        self, connection: sa.Connection, player_id: UUID, rule: str, seen: str, expected: str, outcome: str
    ) -> None:
        """Store a notice. It adds no suspicion."""
        connection.execute(
            sa.text(
                """
                INSERT INTO signals (player_id, rule, seen, expected, added, suspicion, outcome, at, source)
                VALUES (:player, :rule, :seen, :expected, 0, 0, :outcome, clock_timestamp(), 'gain')
                """
            ),
            {"player": player_id, "rule": rule, "seen": seen, "expected": expected, "outcome": outcome},
        )

    def note_points(self, connection: sa.Connection, case_id: UUID, points: int) -> None:
        """Store on the case the points in 24 hours that it is about, the most so far."""
        connection.execute(
            sa.text("UPDATE cases SET gain_points = greatest(gain_points, :points) WHERE id = :case"),
            {"points": points, "case": case_id},
        )
