"""The tables of boards: their seasons and replays, the action types that feed them, and standings."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from app.domain.boards import MAX_SCORE
from app.stores.postgres.schema import moment, player
from app.stores.postgres.webhook_schema import metadata as metadata  # with the tables of all these modules

boards = sa.Table(
    "boards",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    moment("created_at", now=True),
    sa.Column("scoring", sa.Text, nullable=False, server_default="sum"),
    sa.Column("sort_order", sa.Text, nullable=False, server_default="desc"),
    sa.Column("unit", sa.Text, nullable=False, server_default=""),
    sa.Column("decimals", sa.Integer, nullable=False, server_default="0"),
    sa.Column("schedule", sa.Text),
    sa.Column("timezone", sa.Text, nullable=False, server_default="UTC"),
    moment("starts_at", nullable=True),
    moment("ends_at", nullable=True),
    sa.Column("public", sa.Boolean, nullable=False, server_default="true"),
    sa.Column("segments", ARRAY(sa.Text), nullable=False, server_default="{}"),
    moment("archived_at", nullable=True),
    sa.CheckConstraint("scoring in ('sum', 'best', 'last', 'count')", name="scoring"),
    sa.CheckConstraint("sort_order = 'desc' or sort_order = 'asc' and scoring in ('best', 'last')", name="sort_order"),
    sa.CheckConstraint("decimals between 0 and 6", name="decimals"),
    sa.CheckConstraint("ends_at > starts_at", name="ends_at"),
    sa.CheckConstraint("cardinality(segments) <= 4", name="segments"),
)

# A season has the events in [starts_at, ends_at) of the action types that feed its board. `over_past`: also those from
# before starts_at. `closed_at`: it is final. `corrected_at`: when its standings were changed after its end. `players`:
# how many a closed season ranks, null until they are counted.
# `scoring`, `sort_order` and `fed_by` (ids of action types) are the rules that a season keeps after its end, null for
# those of its board. A replay (`replay_id`) fills seasons without a board beside the present ones of the board with the
# slug `fills`. A season that was replaced, by `replaced_by`, has the negative of its id as its number, and no time.
seasons = sa.Table(
    "seasons",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("board_id", sa.Integer, sa.ForeignKey("boards.id")),
    sa.Column("number", sa.Integer, nullable=False),
    moment("starts_at", now=True),
    moment("ends_at", nullable=True),
    sa.Column("over_past", sa.Boolean, nullable=False, server_default="false"),
    moment("closed_at", nullable=True),
    moment("corrected_at", nullable=True),
    sa.Column("scoring", sa.Text),
    sa.Column("sort_order", sa.Text),
    sa.Column("fed_by", ARRAY(sa.Integer)),
    sa.Column("replay_id", UUID()),
    sa.Column("fills", sa.Text),
    sa.Column("replaced_by", sa.Integer),
    sa.Column("players", sa.Integer),
    sa.UniqueConstraint("board_id", "number"),
    sa.Index("ix_seasons_time", "board_id", "starts_at"),
    sa.Index("uq_seasons_open", "board_id", unique=True, postgresql_where=sa.text("ends_at IS NULL")),
    sa.Index("ix_seasons_unclosed", "ends_at", postgresql_where=sa.text("closed_at IS NULL")),
    sa.Index("ix_seasons_uncounted", "id", postgresql_where=sa.text("closed_at IS NOT NULL AND players IS NULL")),
    sa.Index("ix_seasons_replay_id", "replay_id", postgresql_where=sa.text("replay_id IS NOT NULL")),
)

# Changes of boards that wait until their seasons are filled from the ledger: `plan` is then carried out at once. Every
# player up to `player_id` was folded, all once `is_walked`; every event up to `covered_id` is in the filled seasons.
# `switched`: the new seasons are in place, and the replaced standings have to be deleted.
replays = sa.Table(
    "replays",
    metadata,
    sa.Column("id", UUID(), primary_key=True),
    sa.Column("state", sa.Text, nullable=False, server_default="running"),
    sa.Column("plan", JSONB, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    moment("made_at", now=True),
    moment("finished_at", nullable=True),
    sa.Column("player_id", UUID()),
    sa.Column("covered_id", sa.BigInteger),
    sa.Column("is_walked", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("standings", sa.BigInteger, nullable=False, server_default="0"),
    sa.CheckConstraint("state in ('running', 'switched', 'done', 'cancelled')", name="state"),
    sa.Index(
        "uq_replays_unfinished",
        sa.text("(true)"),
        unique=True,
        postgresql_where=sa.text("state in ('running', 'switched')"),
    ),
)

# Every thousandth place of closed seasons, to find ranks and places without counting all players.
season_marks = sa.Table(
    "season_marks",
    metadata,
    sa.Column("season_id", sa.Integer, sa.ForeignKey("seasons.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("score", sa.BigInteger, nullable=False),
    moment("achieved_at"),
    sa.Column("player_id", UUID(), nullable=False),
    sa.Index("ix_season_marks_score", "season_id", "score", "number"),
)

# A type feeds `board_id`, its first board, and `more_boards`. `points` is null unless the result is fixed;
# `token_seconds` null: as in the settings.
action_types = sa.Table(
    "action_types",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("points", sa.BigInteger),
    sa.Column("min_seconds", sa.Float, nullable=False, server_default="0"),
    sa.Column("board_id", sa.Integer, sa.ForeignKey("boards.id"), nullable=False),
    sa.Column("burst", sa.Integer),
    sa.Column("per_minute", sa.Integer),
    sa.Column("steadiest_hand", sa.Float),
    sa.Column("min_is_fact", sa.Boolean, nullable=False, server_default="true"),
    sa.Column("cadence", sa.Text, nullable=False, server_default="player"),
    sa.Column("parallel", sa.Integer, nullable=False, server_default="1"),
    sa.Column("expected_median_seconds", sa.Float),
    sa.Column("expected_p95_seconds", sa.Float),
    moment("created_at", now=True),
    moment("retired_at", nullable=True),
    moment("limits_since", now=True),
    sa.Column("more_boards", ARRAY(sa.Integer), nullable=False, server_default="{}"),
    sa.Column("result_kind", sa.Text, nullable=False, server_default="fixed"),
    sa.Column("min_result", sa.BigInteger),
    sa.Column("max_result", sa.BigInteger),
    sa.Column("result_is_duration", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("max_per_second", sa.Float),
    sa.Column("slack_seconds", sa.Float),
    sa.Column("token_seconds", sa.Integer),
    sa.CheckConstraint("points between 1 and 1000000000", name="points"),
    sa.CheckConstraint("min_seconds between 0 and 86400", name="min_seconds"),
    sa.CheckConstraint("expected_median_seconds <= expected_p95_seconds", name="expected"),
    sa.CheckConstraint("steadiest_hand between 0 and 60", name="steadiest_hand"),
    sa.CheckConstraint("cadence in ('player', 'client')", name="cadence"),
    sa.CheckConstraint("parallel between 1 and 1000", name="parallel"),
    sa.CheckConstraint("cardinality(more_boards) <= 7 and board_id <> all (more_boards)", name="more_boards"),
    sa.CheckConstraint(
        "result_kind in ('fixed', 'reported', 'trusted') and (result_kind = 'fixed') = (points is not null)",
        name="result_kind",
    ),
    sa.CheckConstraint("min_result <= max_result", name="results"),
    sa.CheckConstraint("token_seconds between 10 and 86400 and token_seconds > min_seconds", name="token_seconds"),
)

# `score` is public, and better the higher it is: on an `asc` board it is the negated result. `achieved_at` is null, and
# the player not listed, without a public event that counts. `has_held`: some event is in quarantine under a hold
# (players.held_under), which only the player sees; on `sum` and `count` boards `held` is what these add to the score,
# on `best` and `last` boards it is then the player's own score. `keeps_newest`: false on `best`, true on `last` boards.
# `previous` is the player's own score before the newest redemption, null before the first. `action_id` is the run that
# counts on `best` and `last` boards.
standings = sa.Table(
    "standings",
    metadata,
    sa.Column("season_id", sa.Integer, sa.ForeignKey("seasons.id"), primary_key=True),
    player(primary_key=True),
    sa.Column("score", sa.BigInteger, nullable=False),
    sa.Column("held", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("changes", sa.BigInteger, nullable=False),
    moment("achieved_at", nullable=True),
    sa.Column("listed", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("has_held", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("keeps_newest", sa.Boolean),
    sa.Column("previous", sa.BigInteger),
    sa.Column("action_id", UUID()),
    sa.CheckConstraint(f"score between -{MAX_SCORE} and {MAX_SCORE}", name="score"),
    sa.CheckConstraint(f"held between -{MAX_SCORE} and {MAX_SCORE}", name="held"),
    sa.Index(
        "ix_standings_order",
        "season_id",
        sa.text("score DESC"),
        "achieved_at",
        "player_id",
        postgresql_where=sa.text("listed"),
    ),
    sa.Index("ix_standings_withheld", "player_id", postgresql_where=sa.text("has_held OR held <> 0")),
)
