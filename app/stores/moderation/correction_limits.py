"""The limit of scores, checked before a correction begins: a correction that can't be finished is not begun."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from app.domain.boards import MAX_SCORE
from app.domain.corrections import Selection
from app.stores.boards.counting import (
    IS_REDEMPTION,
    IS_VOIDED,
    NEWEST_REVERSAL,
    RULES,
    SEASONS_OF_EVENT,
    is_public,
    redemption_of,
    stored,
)
from app.stores.moderation.selections import SELECTED, values_of

PAST_LIMIT = f"A score would be past {MAX_SCORE}, the highest there is, if this were {{done}}. Nothing was {{done}}."
WAITS = f"A score would be past {MAX_SCORE}, the highest there is: the correction waits until there is room."

_SECONDS = 500
# Sums that are at most too high find the scores that could be past the limit; only for those the exact sums are made,
# of the events that meet `still`. `sign` is that of their change.
_EXCEEDS = f"""
    WITH change AS MATERIALIZED (
        SELECT e.player_id, sum(abs(e.points)) AS points FROM {{events}} WHERE {{touched}} GROUP BY e.player_id
    ), near AS (
        SELECT s.season_id, s.player_id, s.score, s.held
        FROM change JOIN standings s USING (player_id)
        JOIN seasons n ON n.id = s.season_id AND n.board_id IS NOT NULL {RULES}
        WHERE b.scoring = 'sum' AND abs(s.score) + abs(s.held) + change.points > :most
    )
    SELECT EXISTS (
        SELECT FROM near CROSS JOIN LATERAL (
            SELECT near.score + {{sign}} * coalesce(sum({stored("e.points")}) FILTER (WHERE {is_public("e", "p")}), 0)
                   AS score,
                   near.held + {{sign}} * coalesce(
                       sum({stored("e.points")}) FILTER (WHERE NOT ({is_public("e", "p")})), 0
                   ) AS held
            FROM {{events}} JOIN players p ON p.id = e.player_id {SEASONS_OF_EVENT} {NEWEST_REVERSAL}
            WHERE {{touched}} AND e.player_id = near.player_id AND n.id = near.season_id AND {{still}}
        ) due WHERE greatest(abs(due.score), abs(due.held), abs(due.score + due.held)) > :most
    )
"""
_VOID_EXCEEDS = _EXCEEDS.format(
    events="score_events e", touched=f"{IS_REDEMPTION} AND {SELECTED}", still=f"NOT ({IS_VOIDED})", sign="-1"
)
_RESTORE_EXCEEDS = _EXCEEDS.format(
    events=f"score_events v {redemption_of('v')}",
    touched="v.correction_id = :void",
    still="reversal.id = v.id",
    sign="1",
)


class PastLimit(Exception):
    """A correction would put a standing past MAX_SCORE."""


def check_limit(
    connection: sa.Connection, selection: Selection, restores_id: UUID | None, *, seconds: int = _SECONDS
) -> None:
    """Raise PastLimit if a void of the selection, or with `restores_id` the restore of that void, would pass the limit.

    Runs in a transaction, in which a statement may take `seconds` from then on.
    """
    connection.execute(sa.text(f"SET LOCAL statement_timeout = '{seconds}s'"))
    if restores_id is None:
        statement, values = _VOID_EXCEEDS, values_of(selection)
    else:
        statement, values = _RESTORE_EXCEEDS, {"void": restores_id}
    if connection.execute(sa.text(statement), {**values, "most": MAX_SCORE}).scalar_one():
        raise PastLimit()
