"""The statement that scores one redemption on every board that it feeds: all of them, or none.

In one transaction it finds the open seasons of the action type's boards by the database's clock, and writes their
standings, the event and its outbox rows. A second redemption of the action violates the event's unique action id, and a
standing that would pass the limit leaves the event without a season, which its column refuses: both undo everything. So
does a scheduled board that lacks the season of this moment: its standing would be one without a season.

The clock is read once, so that the event lies in exactly the seasons in which it counts. Standings are locked in the
order of their seasons, so that two redemptions of a player don't wait for each other. All use one read of the player's
`held_under`, so that held points are those of the held events, even if a case is decided meanwhile.
"""

from __future__ import annotations

from app.stores.boards.counting import IS_ONE_RUN, WAS_HELD, stored

# The conditions and values below are on a standing `s` and the row `excluded` that this redemption would begin it with.
# `keeps_newest` is null on `sum` and `count` boards; `achieved_at` is null while the result is held.
_REPLACES = "(s.achieved_at IS NULL OR s.keeps_newest OR excluded.score > s.score)"
# A sum that a result of 0, or a held one, leaves as it is was reached before.
_REACHED_AT = (
    "CASE WHEN excluded.score = 0 THEN coalesce(s.achieved_at, excluded.achieved_at) ELSE excluded.achieved_at END"
)
_OWN = "CASE WHEN s.has_held THEN s.held WHEN s.achieved_at IS NOT NULL THEN s.score END"
_RESULT = "CASE WHEN excluded.has_held THEN excluded.held ELSE excluded.score END"
# Public and held points have one column each, so both have the limit of their sum: one may be negative.
_WITHIN_LIMIT = """
    greatest(abs(s.score + excluded.score), abs(s.held + excluded.held),
             abs(s.score + s.held + excluded.score + excluded.held)) <= %(most)s::bigint
"""
# A scheduled board always has an open season between its times: if it lacks one, that was not written in time. A first
# season begins with its board: if that is to come, the clock was set back.
_LACKS_SEASON = """(
    b.archived_at IS NULL AND coalesce(b.starts_at <= at, true) AND (
        b.schedule IS NOT NULL AND coalesce(b.ends_at > at, true)
        OR EXISTS (SELECT FROM seasons f WHERE f.board_id = b.id AND f.number = 1 AND f.starts_at > at)
    )
)"""


def _general(column: str, value: str) -> str:
    return f"""
WITH who AS (
    SELECT id AS player_id, held_under, clock_timestamp() AS at FROM players
    WHERE id = %(player)s AND status = 'active'
), feed AS (
    SELECT who.*, n.id AS season_id, fed.place, b.slug, n.number, b.scoring, b.sort_order,
           CASE WHEN b.sort_order = 'asc' THEN -1 ELSE 1 END AS sign, {WAS_HELD} AS is_held,
           {stored("%(result)s::bigint")} AS value, CASE WHEN {IS_ONE_RUN} THEN b.scoring = 'last' END AS keeps_newest
    FROM who JOIN action_types t ON t.id = %(type)s
    CROSS JOIN unnest(t.board_id || t.more_boards) WITH ORDINALITY AS fed (board_id, place)
    JOIN boards b ON b.id = fed.board_id
    LEFT JOIN seasons n ON n.board_id = b.id AND n.starts_at <= at AND (n.ends_at IS NULL OR n.ends_at > at)
    WHERE n.id IS NOT NULL OR {_LACKS_SEASON}
    ORDER BY n.id
), standing AS (
    INSERT INTO standings AS s
        (season_id, player_id, score, held, has_held, keeps_newest, changes, achieved_at, action_id)
    SELECT season_id, player_id, CASE WHEN is_held THEN 0 ELSE value END, CASE WHEN is_held THEN value ELSE 0 END,
           is_held, keeps_newest, 1, CASE WHEN NOT is_held THEN at END,
           CASE WHEN NOT is_held AND keeps_newest IS NOT NULL THEN %(action)s::uuid END
    FROM feed
    ON CONFLICT (season_id, player_id) DO UPDATE
    SET score = CASE WHEN excluded.keeps_newest IS NULL THEN s.score + excluded.score
                     WHEN excluded.achieved_at IS NOT NULL AND {_REPLACES} THEN excluded.score ELSE s.score END,
        held = CASE WHEN excluded.keeps_newest IS NULL THEN s.held + excluded.held
                    WHEN NOT (s.has_held OR excluded.has_held) THEN 0
                    ELSE greatest(CASE WHEN NOT s.keeps_newest THEN {_OWN} END, {_RESULT}) END,
        has_held = s.has_held OR excluded.has_held, changes = s.changes + 1,
        achieved_at = CASE WHEN excluded.keeps_newest IS NULL THEN {_REACHED_AT}
                           WHEN excluded.achieved_at IS NOT NULL AND {_REPLACES}
                           THEN excluded.achieved_at ELSE s.achieved_at END,
        action_id = CASE WHEN excluded.action_id IS NOT NULL AND {_REPLACES}
                         THEN excluded.action_id ELSE s.action_id END,
        previous = CASE WHEN excluded.keeps_newest IS NOT NULL THEN {_OWN}
                        WHEN s.achieved_at IS NOT NULL OR s.has_held OR s.held <> 0 THEN s.score + s.held END
    WHERE excluded.keeps_newest IS NOT NULL OR {_WITHIN_LIMIT}
    RETURNING season_id, changes, previous,
              CASE WHEN keeps_newest IS NULL THEN score + held WHEN has_held THEN held ELSE score END AS score
), changed AS (
    SELECT f.*, s.changes, f.sign * s.previous AS previous, f.sign * s.score AS score
    FROM feed f LEFT JOIN standing s USING (season_id)
), event AS (
    INSERT INTO score_events
        (action_id, player_id, season_id, action_type_id, points, previous_score, score, issued_at, judged_at,
         request_id, {column}created_at, held_under, metadata, standings)
    SELECT %(action)s, player_id, CASE WHEN count(changes) = count(*) THEN (array_agg(season_id ORDER BY place))[1] END,
           %(type)s, %(result)s, (array_agg(previous ORDER BY place))[1], (array_agg(score ORDER BY place))[1],
           %(issued)s, %(judged)s::timestamptz, %(request)s, {value}at, held_under, %(metadata)s::json,
           CASE WHEN count(*) > 1 THEN jsonb_agg(jsonb_build_array(season_id, previous, score) ORDER BY place) END
    FROM changed GROUP BY player_id, at, held_under RETURNING id
), queued AS (
    INSERT INTO outbox (season_id, player_id, event_id, request_id)
    SELECT season_id, player_id, event.id, %(request)s FROM changed CROSS JOIN event
)"""


# Most action types feed one `sum` board: this statement is for them, and costs two thirds of the general one. It scores
# nothing, and returns a row of nulls, for any other action, a closed board, and a score past the limit.
def _for_sum(column: str, value: str) -> str:
    return f"""
WITH who AS MATERIALIZED (
    SELECT id, held_under, clock_timestamp() AS at FROM players WHERE id = %(player)s AND status = 'active'
), standing AS (
    INSERT INTO standings AS s (season_id, player_id, score, held, has_held, changes, achieved_at)
    SELECT n.id, who.id, CASE WHEN {WAS_HELD} THEN 0 ELSE %(result)s::bigint END,
           CASE WHEN {WAS_HELD} THEN %(result)s::bigint ELSE 0 END, {WAS_HELD}, 1, CASE WHEN NOT {WAS_HELD} THEN at END
    FROM who JOIN action_types t ON t.id = %(type)s AND t.more_boards = '{{}}'
    JOIN boards b ON b.id = t.board_id AND b.scoring = 'sum'
    JOIN seasons n ON n.board_id = b.id AND n.starts_at <= at AND (n.ends_at IS NULL OR n.ends_at > at)
    ON CONFLICT (season_id, player_id) DO UPDATE
    SET score = s.score + excluded.score, held = s.held + excluded.held, has_held = s.has_held OR excluded.has_held,
        changes = s.changes + 1, achieved_at = {_REACHED_AT},
        previous = CASE WHEN s.achieved_at IS NOT NULL OR s.has_held OR s.held <> 0 THEN s.score + s.held END
    WHERE {_WITHIN_LIMIT}
    RETURNING season_id, changes, previous, score + held AS score
), event AS (
    INSERT INTO score_events
        (action_id, player_id, season_id, action_type_id, points, previous_score, score, issued_at, judged_at,
         request_id, {column}created_at, held_under, metadata)
    SELECT %(action)s, who.id, season_id, %(type)s, %(result)s, previous, score, %(issued)s, %(judged)s::timestamptz,
           %(request)s, {value}at, held_under, %(metadata)s::json
    FROM standing, who RETURNING id, season_id
), queued AS (
    INSERT INTO outbox (season_id, player_id, event_id, request_id)
    SELECT season_id, %(player)s, id, %(request)s FROM event
)"""


_KEYED = """, keyed AS (
    INSERT INTO idempotency (player_id, key, fingerprint, action_id, outcome)
    SELECT %(player)s, %(key)s, %(fingerprint)s, %(action)s, 'scored' FROM event
)"""
# No row for a player who isn't active, and a row of nulls while none of the boards is open.
_RETURN = """
SELECT season_id, slug, number, scoring, sort_order, previous, score, changes, is_held
FROM who LEFT JOIN changed ON true ORDER BY place
"""
_RETURN_SUM = f" SELECT season_id, previous, score, changes, {WAS_HELD} FROM who LEFT JOIN standing ON true"


def _short(sql: str) -> str:
    """Return the statement without indentation: psycopg parses those that are not too long once."""
    return " ".join(sql.split())


_PLAYED = "", ""
_BY_KEY = "api_key_id, ", "%(api_key)s::uuid, "  # only scores that a game's server enters have its API key
REDEEM = _short(_general(*_PLAYED) + _RETURN)
REDEEM_WITH_KEY = _short(_general(*_PLAYED) + _KEYED + _RETURN)
REDEEM_SUM = _short(_for_sum(*_PLAYED) + _RETURN_SUM)
REDEEM_SUM_WITH_KEY = _short(_for_sum(*_PLAYED) + _KEYED + _RETURN_SUM)
REDEEM_BY_KEY = _short(_general(*_BY_KEY) + _RETURN)
REDEEM_SUM_BY_KEY = _short(_for_sum(*_BY_KEY) + _RETURN_SUM)
