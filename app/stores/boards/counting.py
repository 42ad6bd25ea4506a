"""SQL fragments for the score events that count, those of them that are held, and their sums.

Every statement that needs one of these rules is composed of the fragments here. `app.domain.scoring` has the same rules
as a pure function. In all fragments `e` is a redemption and `reversal` the newest void or restore of its action. An
alias with the columns of a hold has `held_under`, `held_since` and `held_from`, as `players` has them.
"""

from __future__ import annotations

NEWEST_REVERSAL = """
    LEFT JOIN LATERAL (
        SELECT id, kind, correction_id FROM score_events r
        WHERE r.action_id = e.action_id AND r.kind <> 'redeem' ORDER BY r.id DESC LIMIT 1
    ) reversal ON true
"""
"""The join that looks up `reversal` for each event; it has nulls for an event that was never reversed."""

IS_VOIDED = "reversal.kind IS NOT DISTINCT FROM 'void'"
"""The condition on redemptions that are voided now: the newest event about the action is a void."""

COUNTS = f"e.kind = 'redeem' AND NOT ({IS_VOIDED})"
"""The condition on events that count: redemptions that are not voided now."""

WAS_EVER_REVERSED = "EXISTS (SELECT FROM score_events r WHERE r.action_id = e.action_id AND r.kind <> 'redeem')"

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
    return f"JOIN score_events e ON e.action_id = {event}.action_id AND e.kind = 'redeem'"


def is_held(event: str, hold: str) -> str:
    """Return the condition on held redemptions: scored under the hold that is on their player, or reached by it.

    Both are aliases; `event` has `held_under` and `created_at` of the redemption, `hold` the columns of the hold.
    """
    reached = f"({event}.created_at >= {hold}.held_since AND {event}.created_at < {hold}.held_from)"
    return f"{event}.held_under = {hold}.held_under OR {reached}"


def is_public(event: str, hold: str) -> str:
    """Return the condition on redemptions that are not held. Without a hold `is_held` is null."""
    return f"({is_held(event, hold)}) IS NOT TRUE"


def total(points: str, condition: str = "true") -> str:
    """Return the aggregate that makes a score of the points of the events that count and meet the condition.

    The points of a void are the negative of its event's. So the sum over events of all kinds is the same, and needs no
    look at the reversals.
    """
    return f"coalesce(sum({points}) FILTER (WHERE {condition}), 0)::bigint"


def held_total(standing: str, hold: str) -> str:
    """Return the subquery of a standing's held points; without a hold it looks at no event."""
    events = _counting(standing, f"({is_held('e', hold)})")
    return f"CASE WHEN {hold}.held_under IS NULL THEN 0 ELSE (SELECT {total('e.points')} {events}) END"


def achieved_at(standing: str, hold: str) -> str:
    """Return the subquery of a standing's time, that of the newest public event that counts; null without one."""
    events = _counting(standing, is_public("e", hold))
    return f"(SELECT e.created_at {events} ORDER BY e.id DESC LIMIT 1)"


def _counting(standing: str, condition: str) -> str:
    return f"""
        FROM score_events e {NEWEST_REVERSAL}
        WHERE e.player_id = {standing}.player_id AND e.season_id = {standing}.season_id
          AND {COUNTS} AND {condition}
    """
