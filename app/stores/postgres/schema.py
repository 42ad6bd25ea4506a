"""The tables, as migrations/ creates them; a test compares the two.

No foreign key leads from the ledger to the hot rows (a season, an action type): every redemption would lock the same
row and wait for every other. A player's standing has one, and an event is only ever written together with its standing.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from app.domain.boards import MAX_SCORE

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

board_version = sa.Sequence("board_version", metadata=metadata)


def moment(name: str, *, nullable: bool = False, now: bool = False) -> sa.Column[object]:
    """Return a column for a time, with the moment of the insert as default if `now`."""
    default = sa.func.clock_timestamp() if now else None
    return sa.Column(name, sa.TIMESTAMP(timezone=True), nullable=nullable, server_default=default)


def player(**options: object) -> sa.Column[object]:
    """Return a column that refers to a player."""
    return sa.Column("player_id", UUID(), sa.ForeignKey("players.id"), nullable=False, **options)  # type: ignore[arg-type]


# `held_under` is the hold under which what the player scores is held. It ends at a decision, or by itself when the
# suspicion has decayed, which is not before `held_until`. It may reach back: events from `held_since` to before
# `held_from`, the time when that was decided, are held too. The last hold ended at `released_at`.
players = sa.Table(
    "players",
    metadata,
    sa.Column("id", UUID(), primary_key=True),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("username_key", sa.Text, nullable=False, unique=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False, server_default="player"),
    sa.Column("status", sa.Text, nullable=False, server_default="active"),
    moment("created_at", now=True),
    moment("status_at", nullable=True),
    sa.Column("held_under", UUID()),
    moment("held_until", nullable=True),
    moment("held_since", nullable=True),
    moment("held_from", nullable=True),
    moment("released_at", nullable=True),
    sa.CheckConstraint("role in ('player', 'admin')", name="role"),
    sa.CheckConstraint("status in ('active', 'suspended')", name="status"),
    sa.Index("ix_players_status_at", "status_at", postgresql_where=sa.text("status_at IS NOT NULL")),
    sa.Index("ix_players_held_until", "held_until", postgresql_where=sa.text("held_until IS NOT NULL")),
    sa.Index("ix_players_held_from", "held_from", postgresql_where=sa.text("held_from IS NOT NULL")),
)

# Skeletons are equal for look-alikes of a username (app.domain.look_alikes); each player has two. Accounts that were
# alike before this table existed lack some.
username_skeletons = sa.Table(
    "username_skeletons",
    metadata,
    sa.Column("skeleton", sa.Text, primary_key=True),
    player(index=True),
)

# Attributes of players by name, such as country: the segments of boards.
player_attributes = sa.Table(
    "player_attributes",
    metadata,
    player(primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.CheckConstraint("length(name) between 1 and 64 and length(value) between 1 and 64", name="length"),
    sa.Index("ix_player_attributes_value", "name", "value", "player_id"),
)

logins = sa.Table(
    "logins",
    metadata,
    sa.Column("id", UUID(), primary_key=True),
    player(index=True),
    sa.Column("refresh_id", UUID(), nullable=False),
    moment("created_at", now=True),
    moment("expires_at"),
    moment("ended_at", nullable=True),
    sa.Column("ended_why", sa.Text),
    sa.Index("ix_logins_ended_at", "ended_at", postgresql_where=sa.text("ended_at IS NOT NULL")),
)

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
    sa.Index("ix_standings_held", "player_id", postgresql_where=sa.text("held > 0")),  # for servers before 0018
    sa.Index("ix_standings_withheld", "player_id", postgresql_where=sa.text("has_held OR held <> 0")),
)

# A `void` reverses the event that it names and a `restore` reverses a `void` (a second void then names the restore), so
# each event is named at most once. All carry the action's id: an action counts unless its newest event is a void. The
# `points` are the result, and those of a void its negative. `held_under` is players.held_under at that time.
# `season_id` is the season of the first open board, where the score was `previous_score` and became `score`, as the
# player saw it. `standings`, for more boards than one: [[season id, previous score, score], ...] of all.
score_events = sa.Table(
    "score_events",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False, server_default="redeem"),
    sa.Column("action_id", UUID(), nullable=False),
    sa.Column("voids_id", sa.BigInteger),
    sa.Column("player_id", UUID(), nullable=False),
    sa.Column("season_id", sa.Integer, nullable=False),
    sa.Column("action_type_id", sa.Integer, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("previous_score", sa.BigInteger),
    sa.Column("score", sa.BigInteger),
    moment("issued_at"),
    moment("created_at", now=True),
    sa.Column("request_id", sa.Text, nullable=False),
    moment("judged_at", nullable=True),
    sa.Column("correction_id", UUID()),
    sa.Column("held_under", UUID()),
    sa.Column("metadata", sa.JSON),
    sa.Column("standings", JSONB),
    sa.CheckConstraint("kind in ('redeem', 'void', 'restore')", name="kind"),
    sa.CheckConstraint("(kind = 'redeem') = (voids_id IS NULL)", name="voids"),
    sa.Index("uq_score_events_action", "action_id", unique=True, postgresql_where=sa.text("kind = 'redeem'")),
    # The conditions of these indexes differ: until the next ANALYZE the planner expects so few events other than
    # redemptions that it would read a whole index of them for each event that it looks for, if the index applied.
    sa.Index("uq_score_events_voids", "voids_id", unique=True, postgresql_where=sa.text("voids_id IS NOT NULL")),
    sa.Index("ix_score_events_corrected", "action_id", "id", postgresql_where=sa.text("kind <> 'redeem'")),
    sa.Index(
        "ix_score_events_correction", "correction_id", "id", postgresql_where=sa.text("correction_id IS NOT NULL")
    ),
    sa.Index("ix_score_events_player", "player_id", "id"),
    sa.Index(
        "ix_score_events_created_at",
        "created_at",
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    ),
)

# One row for each hour (or day) with activity, season and action type; action type 0 is all of them.
rollups = sa.Table(
    "rollups",
    metadata,
    sa.Column("granularity", sa.Text, primary_key=True),
    sa.Column("starts_at", sa.TIMESTAMP(timezone=True), primary_key=True),
    sa.Column("season_id", sa.Integer, primary_key=True),
    sa.Column("action_type_id", sa.Integer, primary_key=True),
    sa.Column("redemptions", sa.BigInteger, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("players", sa.BigInteger, nullable=False),
    sa.Column("voided", sa.BigInteger, nullable=False),
    sa.Column("voided_points", sa.BigInteger, nullable=False),
    sa.Column("median_seconds", sa.Float),
    sa.Column("p95_seconds", sa.Float),
    sa.Column("refusals", JSONB, nullable=False),
    moment("computed_at"),
    sa.CheckConstraint("granularity in ('hour', 'day')", name="granularity"),
)

# Buckets that start before `final_before` are final. Those before `ended_before` had ended when the transaction id
# `horizon` was assigned: once all transactions with lower ids have ended, no more events can come into these buckets.
rollup_progress = sa.Table(
    "rollup_progress",
    metadata,
    sa.Column("granularity", sa.Text, primary_key=True),
    moment("began_at"),
    moment("final_before"),
    moment("ended_before"),
    sa.Column("horizon", sa.BigInteger, nullable=False),
    moment("computed_at", nullable=True),
    sa.Column("took_seconds", sa.Float, nullable=False),
    sa.CheckConstraint("granularity in ('hour', 'day')", name="granularity"),
)

# Final hours (and their days) that must be computed again, because events of theirs were voided or restored.
stale_rollups = sa.Table(
    "stale_rollups",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    moment("starts_at"),
)

# A row without a player says that the season has ended.
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("season_id", sa.Integer, nullable=False),
    sa.Column("player_id", UUID()),
    sa.Column("event_id", sa.BigInteger),
    sa.Column("request_id", sa.Text, nullable=False),
    moment("created_at", now=True),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    player(primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("action_id", UUID(), nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("previous_rank", sa.BigInteger),
    sa.Column("current_rank", sa.BigInteger),
    moment("created_at", now=True),
    sa.Column("ranks", JSONB),
    sa.CheckConstraint("outcome in ('scored', 'rejected', 'suspended')", name="outcome"),
    sa.Index("ix_idempotency_created_at", "created_at"),
)

# The time at which beat last sent each of its tasks.
ticks = sa.Table(
    "ticks",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    moment("sent_at"),
)
