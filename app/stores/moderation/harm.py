"""The facts from which the expected harm of open cases follows, of all of them in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from anticheat.harm import CaseFacts
from app.stores.moderation.cases import MATCHES, Filters, values_of
from app.stores.postgres.engine import Database

_PLACES = 100  # of each open season; a place further down makes no difference
_SECONDS = 30
_OWN_SCORE = "CASE WHEN s.keeps_newest IS NULL THEN s.score + s.held WHEN s.has_held THEN s.held ELSE s.score END"

# Points by day: those of the first day are all in question. A season's place is how many of the best have more. The
# sources are without DISTINCT, which would sort all signals. The columns are the fields of CaseFacts.
_FACTS = f"""
    WITH chosen AS MATERIALIZED (
        SELECT c.id, c.player_id, c.opened_at, c.starts_at, c.appealed_at FROM cases c
        WHERE c.state = 'open' AND ({{condition}})
    ), best AS MATERIALIZED (
        SELECT n.id AS season_id, array_agg(b.score ORDER BY b.score) AS scores FROM seasons n CROSS JOIN LATERAL (
            SELECT score FROM standings WHERE season_id = n.id AND listed AND achieved_at IS NOT NULL
            ORDER BY score DESC, achieved_at, player_id LIMIT {_PLACES}
        ) b WHERE n.starts_at <= now() AND (n.ends_at IS NULL OR n.ends_at > now()) GROUP BY n.id
    ), evidence AS (
        SELECT g.case_id, bool_or(g.is_hard) AS is_hard, max(g.suspicion) AS suspicion,
               array_remove(ARRAY[CASE WHEN bool_or(g.source = 'model') THEN 'model' END,
                                  CASE WHEN bool_or(g.source = 'linked') THEN 'linked' END,
                                  CASE WHEN bool_or(g.source = 'gain') THEN 'gain' END], NULL) AS sources
        FROM signals g JOIN chosen ON chosen.id = g.case_id GROUP BY g.case_id
    ), cleared AS (
        SELECT player_id, count(*) AS times FROM cases JOIN (SELECT DISTINCT player_id FROM chosen) p USING (player_id)
        WHERE state = 'cleared' GROUP BY player_id
    ), points AS (
        SELECT chosen.id, sum(d.points)::float AS points FROM chosen JOIN gain_days d ON d.player_id = chosen.player_id
        WHERE d.starts_at >= date_trunc('day', coalesce(chosen.starts_at, chosen.opened_at), 'UTC') GROUP BY chosen.id
    ), places AS (
        SELECT chosen.id, min(1 + cardinality(b.scores) - width_bucket({_OWN_SCORE}, b.scores)) AS place
        FROM chosen JOIN standings s ON s.player_id = chosen.player_id JOIN best b ON b.season_id = s.season_id
        WHERE s.achieved_at IS NOT NULL OR s.has_held OR s.held <> 0 GROUP BY chosen.id
    )
    SELECT chosen.id, coalesce(points.points, 0) AS points,
           (SELECT (limits->>'usual')::float FROM gain_progress) AS usual_points,
           CASE WHEN places.place <= {_PLACES} THEN places.place END AS place, coalesce(e.suspicion, 0) AS suspicion,
           CAST(:reject AS float) AS reject, coalesce(e.is_hard, false) AS is_hard,
           coalesce(e.sources, '{{{{}}}}') AS sources, coalesce(cleared.times, 0) AS cleared_before,
           p.held_under IS NOT NULL AS is_held,
           p.status = 'suspended' AS is_suspended, chosen.appealed_at IS NOT NULL AS has_appeal,
           greatest(0, extract(epoch FROM now() - chosen.opened_at))::float / 86400 AS days
    FROM chosen JOIN players p ON p.id = chosen.player_id LEFT JOIN evidence e ON e.case_id = chosen.id
    LEFT JOIN points ON points.id = chosen.id LEFT JOIN places ON places.id = chosen.id
    LEFT JOIN cleared ON cleared.player_id = chosen.player_id
"""


class HarmStore:
    """The facts of open cases, from the primary like the cases themselves."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def open_cases(self, filters: Filters, reject: float) -> dict[UUID, CaseFacts]:
        """Return the facts of all open cases that the filters select, by the case's id."""
        return self._facts(MATCHES, values_of(filters), reject)

    def cases(self, case_ids: Sequence[UUID], reject: float) -> dict[UUID, CaseFacts]:
        """Return the facts of those of these cases that are open."""
        return self._facts("c.id = ANY(:cases)", {"cases": list(case_ids)}, reject)

    def _facts(self, condition: str, values: dict[str, object], reject: float) -> dict[UUID, CaseFacts]:
        with self._db.snapshot(_SECONDS) as connection:
            rows = connection.execute(sa.text(_FACTS.format(condition=condition)), {**values, "reject": reject}).all()
        return {case_id: CaseFacts(*facts) for case_id, *facts in rows}
