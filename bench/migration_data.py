"""A past on the board of a version, also of one from before migration 0018, written straight into PostgreSQL."""

from __future__ import annotations

# Of a hundred players the points of one are held, all of another one's were voided, and one is suspended.
FILL = (
    """
    INSERT INTO players (id, username, username_key, password_hash, status, held_under, held_until)
    SELECT gen_random_uuid(), 'past-' || n, 'past-' || n, '-', CASE n %% 100 WHEN 1 THEN 'suspended' ELSE 'active' END,
           CASE n %% 100 WHEN 2 THEN gen_random_uuid() END, CASE n %% 100 WHEN 2 THEN now() + interval '1 day' END
    FROM generate_series(1, %(players)s::int) n
    """,
    """
    INSERT INTO score_events (action_id, player_id, season_id, action_type_id, points, previous_score, score, issued_at,
                              created_at, judged_at, request_id, held_under)
    SELECT gen_random_uuid(), p.id, 1, 1, 1, number - 1, number, at - interval '10 s', at, at, 'bench', p.held_under
    FROM generate_series(1, %(each)s::int) number CROSS JOIN players p CROSS JOIN LATERAL (
        SELECT now() - interval '1 day' + number * interval '1 min' + 0 * length(p.username) * interval '1 s' AS at
    ) drawn
    ORDER BY number
    """,
    """
    INSERT INTO score_events (kind, voids_id, action_id, player_id, season_id, action_type_id, points, previous_score,
                              score, issued_at, judged_at, request_id)
    SELECT 'void', e.id, e.action_id, e.player_id, 1, 1, -1, 0, 0, e.issued_at, e.judged_at, 'bench'
    FROM score_events e JOIN players p ON p.id = e.player_id WHERE p.username LIKE 'past-%%03'
    """,
    """
    INSERT INTO standings (season_id, player_id, score, held, changes, achieved_at, listed)
    SELECT 1, p.id, CASE WHEN p.held_under IS NULL THEN sum(points) ELSE 0 END,
           CASE WHEN p.held_under IS NULL THEN 0 ELSE sum(points) END, count(*), max(e.created_at), p.status = 'active'
    FROM score_events e JOIN players p ON p.id = e.player_id GROUP BY p.id
    """,
    # From migration 0018 on a standing has no time without points that all may see; migrations change those of before.
    """
    DO $$ BEGIN
        IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'standings'::regclass AND attname = 'has_held') THEN
            UPDATE standings SET has_held = held > 0, achieved_at = CASE WHEN score > 0 THEN achieved_at END;
        END IF;
    END $$
    """,
    "ANALYZE",
)
SUMS = "SELECT (SELECT sum(points) FROM score_events), (SELECT sum(score + held) FROM standings)"
WRONG_STANDINGS = """
    SELECT count(*) FROM standings s FULL JOIN (
        SELECT player_id, sum(points) AS points FROM score_events GROUP BY player_id
    ) e USING (player_id)
    WHERE e.points IS DISTINCT FROM s.score + s.held OR (s.score > 0) IS DISTINCT FROM (s.achieved_at IS NOT NULL)
"""
