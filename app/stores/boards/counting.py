"""SQL fragments for the score events that count, those of them that are held, and the scores that boards make of them.

Every statement that needs one of these rules is composed of the fragments here. `app.domain.scoring` has the same rules
as a pure function. In all fragments `e` is a redemption and `reversal` the newest void or restore of its action. An
alias with the columns of a hold has `held_under`, `held_since` and `held_from`, as `players` has them.

All events of an action have its time of issue, so that they lie in one partition: joins of them name it.
"""

from __future__ import annotations

NEWEST_REVERSAL = """
    LEFT JOIN LATERAL (
        SELECT id, kind, correction_id FROM score_events r
        WHERE r.action_id = e.action_id AND r.issued_at = e.issued_at AND r.kind <> 'redeem' ORDER BY r.id DESC LIMIT 1
    ) reversal ON true
"""
"""The join that looks up `reversal` for each event; it has nulls for an event that was never reversed."""

IS_VOIDED = "reversal.kind IS NOT DISTINCT FROM 'void'"
"""The condition on redemptions that are voided now: the newest event about the action is a void."""

IS_REDEMPTION = "e.voids_id IS NULL"
"""The condition on redemptions among the events of a player.

With `kind = 'redeem'` the unique index of actions applies too; until the first ANALYZE the planner then reads all of it
for each player.
"""

COUNTS = f"{IS_REDEMPTION} AND NOT ({IS_VOIDED})"
"""The condition on events that count: redemptions that are not voided now."""

WAS_EVER_REVERSED = """EXISTS (
    SELECT FROM score_events r
    WHERE r.action_id = e.action_id AND r.issued_at = e.issued_at AND r.kind <> 'redeem'
)"""

WAS_HELD = "held_under IS NOT NULL"
"""The condition on events that were held when they were scored: under the hold on their player then."""

HOLD_COLUMNS = "p.held_under, p.held_since, p.held_from"
"""The columns of a hold, of the player `p`."""


def newest_reversals_since(since: str) -> str:
    """Return the join that reads `reversal` at once for many events, none of them older than `since`.

    An event is reversed after it was written, so older reversals need not be read; the day is for clocks that were set
    back.
    """
    return f"""
    LEFT JOIN (
        SELECT DISTINCT ON (action_id) action_id, kind FROM score_events
        WHERE kind <> 'redeem' AND created_at >= {since} - interval '1 day'
        ORDER BY action_id, id DESC
    ) reversal USING (action_id)
    """


def redemption_of(event: str) -> str:
    """Return the join of `e`, the redemption that the void or restore `event` is about."""
    same = f"e.action_id = {event}.action_id AND e.issued_at = {event}.issued_at"
    return f"JOIN score_events e ON {same} AND e.kind = 'redeem'"


def is_held(event: str, hold: str) -> str:
    """Return the condition on held redemptions: scored under the hold that is on their player, or reached by it.

    Both are aliases; `event` has `held_under` and `created_at` of the redemption, `hold` the columns of the hold.
    """
    reached = f"({event}.created_at >= {hold}.held_since AND {event}.created_at < {hold}.held_from)"
    return f"({event}.held_under = {hold}.held_under OR {reached})"


def is_public(event: str, hold: str) -> str:
    """Return the condition on redemptions that are not held. Without a hold `is_held` is null."""
    return f"{is_held(event, hold)} IS NOT TRUE"


def feeds(action_type: str, season: str) -> str:
    """Return the condition on action types that feed a season: those that feed its board, unless it has its own."""
    return (
        f"CASE WHEN {season}.fed_by IS NULL THEN {season}.board_id = {action_type}.board_id"
        f" OR {season}.board_id = ANY({action_type}.more_boards) ELSE {action_type}.id = ANY({season}.fed_by) END"
    )


def is_within(time: str, season: str) -> str:
    """Return the condition on times of a season. Of two seasons of a board that meet, one has the time."""
    return (
        f"({season}.over_past OR {time} >= {season}.starts_at)"
        f" AND ({season}.ends_at IS NULL OR {time} < {season}.ends_at)"
    )


RULES = """
    LEFT JOIN boards board ON board.id = n.board_id
    JOIN LATERAL (
        SELECT coalesce(n.scoring, board.scoring) AS scoring, coalesce(n.sort_order, board.sort_order) AS sort_order
    ) b ON true
"""
"""The join of `b`, the scoring and the order of the season `n`; its `board` is null while a replay fills it."""

SEASONS_OF_EVENT = f"""
    JOIN action_types t ON t.id = e.action_type_id
    JOIN seasons n ON n.board_id IS NOT NULL AND {feeds("t", "n")} AND {is_within("e.created_at", "n")}
    {RULES}
"""
"""The join of the seasons `n` in which the redemption `e` counts, with their rules `b`."""

IS_ONE_RUN = "b.scoring IN ('best', 'last')"
"""The condition on rules `b` by which one event alone is the score."""


_IS_IDLE = "b.scoring = 'sum' AND e.points = 0"
"""The condition on redemptions that leave a sum as it is: it was reached before."""


def stored(result: str) -> str:
    """Return the value that a result brings to a standing by the rules `b`, where a higher score is better."""
    return f"CASE WHEN b.scoring = 'count' THEN 1 WHEN b.sort_order = 'asc' THEN -{result} ELSE {result} END"


_MOST_SUM = 2**62 - 1


def bounded(number: str) -> str:
    """Return the value of a sum as a bigint, and a bound beyond all scores for one that is further away.

    A thousand results as high as there are have a sum that no bigint holds, on boards that don't sum them. Two bounded
    sums can be added.
    """
    return f"least(greatest({number}, -{_MOST_SUM}), {_MOST_SUM})::bigint"


def total(points: str, condition: str = "true") -> str:
    """Return the aggregate that makes a score of the points of the events that count and meet the condition.

    The points of a void are the negative of its event's. So the sum over events of all kinds is the same, and needs no
    look at the reversals.
    """
    return bounded(f"coalesce(sum({points}) FILTER (WHERE {condition}), 0)")


def folded(standing: str, hold: str, counts: str = COUNTS) -> str:
    """Return the join of `due`: the standing that its events give, with the player's own view of it.

    `counts` is the condition on the redemptions `e` that count, with `reversal` joined.

    `due` has score, held, has_held, achieved_at and action_id as in `standings`, and the player's view: `own_at` and
    `own_action`, null without any event that counts.
    """
    return f"""
    CROSS JOIN LATERAL (
        SELECT coalesce(CASE WHEN {IS_ONE_RUN} THEN run.score ELSE run.total END, 0) AS score,
               CASE WHEN NOT {IS_ONE_RUN} THEN run.held WHEN run.has_held THEN run.own_score ELSE 0 END AS held,
               run.has_held, run.achieved_at,
               CASE WHEN {IS_ONE_RUN} THEN run.action_id END AS action_id,
               run.own_at,
               CASE WHEN {IS_ONE_RUN} THEN run.own_action END AS own_action
        FROM seasons n {RULES} CROSS JOIN LATERAL (
            SELECT {total("value", "is_public")} AS total, {total("value", "NOT is_public")} AS held,
                   coalesce(bool_or(NOT is_public), false) AS has_held,
                   {_first("value", "is_public")} AS score, {_first("created_at", "is_public")} AS achieved_at,
                   {_first("action_id", "is_public")} AS action_id,
                   {_first("value")} AS own_score, {_first("created_at")} AS own_at, {_first("action_id")} AS own_action
            FROM (
                SELECT e.id, e.action_id, e.created_at, {stored("e.points")} AS value,
                       {is_public("e", hold)} AS is_public,
                       CASE WHEN b.scoring = 'best' THEN {stored("e.points")} WHEN {_IS_IDLE} THEN -e.id ELSE e.id END
                       AS decisive
                {_counting(standing, "true", counts)}
            ) counted
        ) run
        WHERE n.id = {standing}.season_id
    ) due
    """


def achieved_at(standing: str, hold: str) -> str:
    """Return the value of the time at which the public sum or count of a standing was reached; null without one."""
    changing = counting_events(standing, f"NOT ({_IS_IDLE}) AND {is_public('e', hold)}")
    events = counting_events(standing, is_public("e", hold))
    return f"""coalesce((SELECT e.created_at {changing} ORDER BY e.id DESC LIMIT 1),
                     (SELECT e.created_at {events} ORDER BY e.id LIMIT 1))"""


def is_ranked(standing: str, hold: str, counts: str) -> str:
    """Return the condition on standings with a public event among the redemptions that meet `counts`."""
    events = counting_events(standing, is_public("e", hold), counts)
    return f"EXISTS (SELECT {events})"


def has_held(standing: str, hold: str) -> str:
    """Return the condition on standings with a held event that counts."""
    return f"EXISTS (SELECT {counting_events(standing, is_held('e', hold))})"


def _first(column: str, condition: str = "true") -> str:
    """Return the aggregate of the event whose time the score has: the first of the best ones, or else the newest.

    Of a sum it is the newest that changes it, or else the first.
    """
    return f"(array_agg({column} ORDER BY decisive DESC, id) FILTER (WHERE {condition}))[1]"


def _counting(standing: str, condition: str, counts: str = COUNTS) -> str:
    """Return the events of a standing that count in its season `n`."""
    return f"""
        FROM score_events e
        JOIN action_types t ON t.id = e.action_type_id AND {feeds("t", "n")}
        {NEWEST_REVERSAL}
        WHERE e.player_id = {standing}.player_id AND {is_within("e.created_at", "n")} AND {counts} AND {condition}
    """


def counting_events(standing: str, condition: str, counts: str = COUNTS) -> str:
    """Return the FROM of the redemptions `e` of a standing that count and meet the condition."""
    return f"""
        FROM seasons n {RULES}
        CROSS JOIN LATERAL (SELECT e.* {_counting(standing, condition, counts)}) e
        WHERE n.id = {standing}.season_id
    """
