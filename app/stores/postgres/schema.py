"""The tables, as migrations/ creates them; a test compares the two.

No foreign key leads from the ledger to the hot rows (a season, an action type): every redemption would lock the same
row and wait for every other. A player's standing has one, and an event is only ever written together with its standing.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

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
# `held_from`, the time when that was decided, are held too. The last hold ended at `released_at`. The player last chose
# another name at `renamed_at`. The row of an `erased` player stays for the ledger, and says nothing of the person.
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
    sa.Column("external_id", sa.Text),
    sa.Column("is_guest", sa.Boolean, nullable=False, server_default="false"),
    moment("renamed_at", nullable=True),
    sa.CheckConstraint("role in ('player', 'admin')", name="role"),
    sa.CheckConstraint("status in ('active', 'suspended', 'erased')", name="status"),
    sa.Index("ix_players_status_at", "status_at", postgresql_where=sa.text("status_at IS NOT NULL")),
    sa.Index("ix_players_held_until", "held_until", postgresql_where=sa.text("held_until IS NOT NULL")),
    sa.Index("ix_players_held_from", "held_from", postgresql_where=sa.text("held_from IS NOT NULL")),
    sa.Index("uq_players_external_id", "external_id", unique=True, postgresql_where=sa.text("external_id IS NOT NULL")),
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

# The link with which a player sets another password, once. `token_hash` is the SHA-256 of its token.
reset_links = sa.Table(
    "reset_links",
    metadata,
    player(primary_key=True),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    moment("created_at", now=True),
    moment("expires_at"),
    sa.Column("made_by", sa.Text, nullable=False),
)

# The person of an external identity provider that a player is. `fingerprint` is the SHA-256 of issuer and subject,
# which are NULL once the player was erased. Tokens issued before `tokens_from` open no login.
identities = sa.Table(
    "identities",
    metadata,
    sa.Column("fingerprint", sa.Text, primary_key=True),
    sa.Column("issuer", sa.Text),
    sa.Column("subject", sa.Text),
    player(unique=True),
    moment("created_at", now=True),
    moment("tokens_from", nullable=True),
)

# A `void` reverses the event that it names and a `restore` reverses a `void` (a second void then names the restore), so
# each event is named at most once. All carry the action's id: an action counts unless its newest event is a void. The
# `points` are the result, and those of a void its negative. `held_under` is players.held_under at that time.
# `season_id` is the season of the first open board, where the score was `previous_score` and became `score`, as the
# player saw it. `standings`, for more boards than one: [[season id, previous score, score], ...] of all. `api_key_id`:
# the key with which a game's server entered it, or the import that wrote it at `imported_at`, later than `created_at`.
# The partition of an event is the month of `issued_at`, which an action has for ever, and which its voids and restores
# have too. So an id of an action that is unique in each partition is unique. Each partition has the primary key `id`
# and the unique indexes `uq_score_events_action…` (`action_id` of redemptions) and `uq_score_events_voids…`.
score_events = sa.Table(
    "score_events",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
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
    sa.Column("api_key_id", UUID()),
    moment("imported_at", nullable=True),
    sa.CheckConstraint("kind in ('redeem', 'void', 'restore')", name="kind"),
    sa.CheckConstraint("(kind = 'redeem') = (voids_id IS NULL)", name="voids"),
    # The conditions of these indexes differ: until the next ANALYZE the planner expects so few events other than
    # redemptions that it would read a whole index of them for each event that it looks for, if the index applied.
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
    postgresql_partition_by="RANGE (issued_at)",
)


def is_partition(table: str | None) -> bool:
    """Return whether a table is a partition of the ledger: migrations and the task of months make those."""
    return table is not None and table.startswith(f"{score_events.name}_")


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

# Keys of a game's own server. `secret_hash` is the SHA-256 of the whole key; after a rotation that of the key before is
# good until `previous_until`. `changed_at` is the time of the last rotation or revocation.
api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", UUID(), primary_key=True),
    sa.Column("public_id", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),
    sa.Column("per_minute", sa.Integer),
    sa.Column("secret_hash", sa.Text, nullable=False),
    sa.Column("previous_hash", sa.Text),
    moment("previous_until", nullable=True),
    moment("created_at", now=True),
    sa.Column("created_by", sa.Text, nullable=False),
    moment("last_used_at", nullable=True),
    moment("changed_at", nullable=True),
    moment("revoked_at", nullable=True),
    sa.CheckConstraint("per_minute > 0", name="per_minute"),
    sa.Index("uq_api_keys_name", "name", unique=True, postgresql_where=sa.text("revoked_at IS NULL")),
)

# The first answers to the keys of scores that a game's server entered: `refusal`, or else the event of `action_id` with
# `ranks`, once they are known.
key_answers = sa.Table(
    "key_answers",
    metadata,
    sa.Column("api_key_id", UUID(), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("action_id", UUID()),
    sa.Column("refusal", sa.JSON),
    sa.Column("ranks", JSONB),
    moment("created_at", now=True),
    sa.Index("ix_key_answers_created_at", "created_at"),
)

# The time at which beat last sent each of its tasks.
ticks = sa.Table(
    "ticks",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    moment("sent_at"),
)
