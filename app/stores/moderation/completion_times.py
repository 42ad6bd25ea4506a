"""Completion times and rhythms by the clock that the rules use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from anticheat.rule_parameters import RULE_PARAMETERS
from app.domain.calibration import BINS_PER_DECADE, CompletionTimes, ResultSpread, Rhythm
from app.stores.boards.counting import WAS_EVER_REVERSED
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row

# Only so many of a player's newest completions of a type count, so that no single player decides the usual time.
_MAX_PER_PLAYER = 200
_MIN_SECONDS = 0.001  # shorter times are in its bin

# Completions are timed as in the timing rule: from the later of the issue and the player's previous completion of
# anything. Suspended players, players with an open or confirmed case and actions that were ever voided are left out.
_TIMES = f"""
    WITH played AS (
        SELECT player_id, action_id, action_type_id, issued_at, judged_at, points,
               extract(epoch FROM judged_at - issued_at)::float8 AS elapsed,
               extract(epoch FROM judged_at - greatest(issued_at, lag(judged_at) OVER newest))::float8 AS seconds,
               row_number() OVER (PARTITION BY player_id, action_type_id ORDER BY id DESC) AS number
        FROM score_events WHERE kind = 'redeem' AND judged_at IS NOT NULL AND created_at >= :since
        WINDOW newest AS (PARTITION BY player_id ORDER BY judged_at, id)
    ), honest AS (
        SELECT action_type_id, player_id, greatest(seconds, 0) AS seconds, points,
               greatest(elapsed, {_MIN_SECONDS}) AS elapsed
        FROM played e
        WHERE number <= {_MAX_PER_PLAYER}
          AND EXISTS (SELECT FROM players p WHERE p.id = e.player_id AND p.status = 'active')
          AND NOT EXISTS (SELECT FROM cases c WHERE c.player_id = e.player_id AND c.state <> 'cleared')
          AND NOT {WAS_EVER_REVERSED}
    )
"""
_NUMBERS = f"""
    {_TIMES} SELECT t.slug, count(*) AS completions, count(DISTINCT player_id) AS players,
        percentile_disc(array[0.001, 0.5, 0.95]) WITHIN GROUP (ORDER BY seconds) AS quantiles
    FROM honest h JOIN action_types t ON t.id = h.action_type_id GROUP BY t.slug
"""
_BINS = f"""
    {_TIMES} SELECT t.slug, count(*) AS many,
        floor(log(greatest(seconds, {_MIN_SECONDS})) * {BINS_PER_DECADE})::int AS number
    FROM honest h JOIN action_types t ON t.id = h.action_type_id GROUP BY t.slug, number ORDER BY t.slug, number
"""
# Results are compared with the time since the issue, as the plausibility rule does.
_RESULTS = f"""
    {_TIMES} SELECT t.slug, count(*) AS completions, count(DISTINCT player_id) AS players,
        percentile_disc(0.999) WITHIN GROUP (ORDER BY h.points / elapsed)::float8 AS per_second,
        percentile_disc(0.999) WITHIN GROUP (ORDER BY abs(h.points / 1000.0 - elapsed))::float8 AS seconds_away
    FROM honest h JOIN action_types t ON t.id = h.action_type_id AND t.result_kind = 'reported' GROUP BY t.slug
"""


# Each player's newest intervals between completions of one action type, as the pattern rule takes them. Players with an
# open case count too, since rhythm opens cases.
_RHYTHMS = f"""
    WITH played AS (
        SELECT player_id, action_type_id,
               extract(epoch FROM judged_at - lag(judged_at) OVER (PARTITION BY player_id, action_type_id
                                                                   ORDER BY judged_at, id))::float8 AS seconds,
               row_number() OVER (PARTITION BY player_id, action_type_id ORDER BY id DESC) AS number
        FROM score_events WHERE kind = 'redeem' AND judged_at IS NOT NULL AND created_at >= :since
    ), rhythms AS (
        SELECT action_type_id, percentile_cont(array[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY seconds) AS quartiles
        FROM played e WHERE number <= {_MAX_PER_PLAYER} AND seconds <= :pause
          AND EXISTS (SELECT FROM players p WHERE p.id = e.player_id AND p.status = 'active')
          AND NOT EXISTS (SELECT FROM cases c WHERE c.player_id = e.player_id AND c.state = 'confirmed')
        GROUP BY player_id, action_type_id HAVING count(*) >= :intervals
    )
    SELECT t.slug, count(*) AS players, count(*) FILTER (
        WHERE quartiles[3] - quartiles[1] < least(greatest(:steadiness * quartiles[2], :hand), :reaction)) AS even
    FROM rhythms JOIN action_types t ON t.id = action_type_id GROUP BY t.slug
"""


def rhythms_since(source: Database, since: datetime) -> dict[str, Rhythm]:
    """Return the players' rhythms since then, by the action type's slug."""
    numbers = RULE_PARAMETERS
    rows = source.rows(
        _RHYTHMS,
        since=since,
        pause=numbers.pause,
        intervals=numbers.windows[0].intervals,
        steadiness=numbers.steadiness,
        hand=numbers.steadiest_hand,
        reaction=numbers.steadiest_reaction,
    )
    return {row.slug: Rhythm(row.players, row.even) for row in rows}


def result_spreads_since(source: Database, since: datetime) -> dict[str, ResultSpread]:
    """Return how reported results compare with the time that they took, by the action type's slug."""
    with source.snapshot() as connection:
        rows = connection.execute(sa.text(_RESULTS), {"since": since}).all()
    return {row.slug: ResultSpread(row.completions, row.players, row.per_second, row.seconds_away) for row in rows}


def completion_times_since(source: Database, since: datetime) -> dict[str, CompletionTimes]:
    """Return the completion times since then, by the action type's slug."""
    with source.snapshot() as connection:
        numbers = connection.execute(sa.text(_NUMBERS), {"since": since}).all()
        bins: dict[str, list[tuple[int, int]]] = {}
        for row in connection.execute(sa.text(_BINS), {"since": since}):
            bins.setdefault(row.slug, []).append((row.number, row.many))
    return {row.slug: _summarize(row, bins[row.slug]) for row in numbers}


def _summarize(row: Row, bins: Sequence[tuple[int, int]]) -> CompletionTimes:
    fastest, median, p95 = row.quantiles
    return CompletionTimes(row.completions, row.players, fastest, median, p95, bins)
