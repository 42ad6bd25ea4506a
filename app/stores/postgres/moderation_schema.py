"""The tables of suspicion, signals, cases, decisions, corrections, the audit log, learned models and refusals."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID

from app.stores.postgres.board_schema import metadata as metadata  # with the tables of all modules
from app.stores.postgres.schema import moment, player

# `soft` is the part of `value` that comes from soft evidence.
suspicion = sa.Table(
    "suspicion",
    metadata,
    player(primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("soft", sa.Float, nullable=False, server_default="0"),
    moment("at"),
    moment("cleared_at", nullable=True),
    sa.CheckConstraint("value >= 0", name="value"),
)

# The player's events since `starts_at` are in question. This table has the last decision, `decisions` has all of them.
# `gain_points`: the most points in 24 hours that the case is about, where that is why it was opened.
cases = sa.Table(
    "cases",
    metadata,
    sa.Column("id", UUID(), primary_key=True),
    player(index=True),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    moment("opened_at", now=True),
    moment("decided_at", nullable=True),
    moment("starts_at", nullable=True),
    sa.Column("decided_by", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("correction_id", UUID()),
    sa.Column("appeal", sa.Text),
    moment("appealed_at", nullable=True),
    sa.Column("gain_points", sa.BigInteger),
    sa.CheckConstraint("state in ('open', 'cleared', 'confirmed')", name="state"),
    sa.Index("ix_cases_opened_at", "opened_at", "id"),
    sa.Index("uq_cases_open", "player_id", unique=True, postgresql_where=sa.text("state = 'open'")),
)

signals = sa.Table(
    "signals",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    player(),
    sa.Column("case_id", UUID(), sa.ForeignKey("cases.id")),
    sa.Column("action_id", UUID()),
    sa.Column("action_type", sa.Text),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("seen", sa.Text, nullable=False),
    sa.Column("expected", sa.Text, nullable=False),
    sa.Column("added", sa.Float, nullable=False),
    sa.Column("suspicion", sa.Float, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    moment("at"),
    sa.Column("source", sa.Text, nullable=False, server_default="live"),
    sa.Column("is_hard", sa.Boolean, nullable=False, server_default="false"),
    sa.CheckConstraint("source in ('live', 'review', 'model', 'linked', 'gain')", name="source"),
    sa.CheckConstraint("source in ('model', 'linked', 'gain') or action_id IS NOT NULL", name="action"),
    sa.Index("ix_signals_player", "player_id", "id"),
    sa.Index("ix_signals_case", "case_id", "id"),
    sa.Index("uq_signals_review", "action_id", "rule", unique=True, postgresql_where=sa.text("source = 'review'")),
    sa.Index("uq_signals_model", "player_id", "rule", "at", unique=True, postgresql_where=sa.text("source = 'model'")),
)

# The cases that were opened because their players' accounts seem to belong together.
case_groups = sa.Table(
    "case_groups",
    metadata,
    sa.Column("case_id", UUID(), sa.ForeignKey("cases.id"), primary_key=True),
    sa.Column("group_id", UUID(), primary_key=True, index=True),
)

# Where an account was seen on a UTC day (days since 1970): keyed hashes of the network and of the client. The key is
# that of `week`; each sighting has a row with the key of its own week and one with that of the week before.
sightings = sa.Table(
    "sightings",
    metadata,
    player(primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False, index=True),
    sa.Column("week", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("network", sa.LargeBinary, primary_key=True),
    sa.Column("device", sa.LargeBinary, primary_key=True),
)

# The number of a player's cleared cases that had evidence of a rule, or of the model ("model").
cleared_rules = sa.Table(
    "cleared_rules",
    metadata,
    player(primary_key=True),
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("times", sa.Integer, nullable=False),
)

# The decisions of people on cases, append-only. `undone` reverses the decision before it. `before` is the state before
# the decision: {"status", "suspicion": null or {"value", "soft", "at", "cleared_at"}, "held_under", "held_until",
# "held_since", "held_from"}.
decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("case_id", UUID(), sa.ForeignKey("cases.id"), nullable=False),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("before", JSONB, nullable=False),
    sa.Column("correction_id", UUID()),
    sa.Column("request_id", sa.Text, nullable=False),
    moment("decided_at", now=True),
    sa.CheckConstraint("decision in ('cleared', 'confirmed', 'undone')", name="decision"),
    sa.Index("ix_decisions_case", "case_id", "id"),
)

# A correction voids (or restores) a selection of events together. `restores_id` is the correction whose voids a restore
# reverses. `cursor` is the last event that was looked at, `horizon` the id of the transaction that began it. The
# selection is player, action type, board and time; null selects any.
corrections = sa.Table(
    "corrections",
    metadata,
    sa.Column("id", UUID(), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="running"),
    sa.Column("restores_id", UUID(), sa.ForeignKey("corrections.id")),
    sa.Column("case_id", UUID(), sa.ForeignKey("cases.id")),
    sa.Column("player_id", UUID(), sa.ForeignKey("players.id")),
    sa.Column("action_type_id", sa.Integer),
    sa.Column("board_id", sa.Integer),
    moment("since", nullable=True),
    moment("until", nullable=True),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    moment("made_at", now=True),
    moment("finished_at", nullable=True),
    sa.Column("events", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("points", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("players", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("cursor", sa.BigInteger),
    sa.Column("horizon", sa.BigInteger, nullable=False),
    sa.CheckConstraint("kind in ('void', 'restore')", name="kind"),
    sa.CheckConstraint("state in ('running', 'done', 'restored')", name="state"),
    sa.CheckConstraint("(kind = 'restore') = (restores_id IS NOT NULL)", name="restores"),
    sa.Index("ix_corrections_running", "made_at", postgresql_where=sa.text("state = 'running'")),
)

# The log is append-only and has no gaps. `details` is JSON text as hashed; `hash` covers the row and the previous hash.
audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    moment("at"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Index("ix_audit_log_subject", "subject", "id"),
)

# Learned models, newest last. `artifact` is data (never code), `digest` its SHA-256; the same window, inputs, settings
# give the same digest. `numbers` are the model's results on data that it was not trained on.
models = sa.Table(
    "models",
    metadata,
    sa.Column("version", sa.Integer, sa.Identity(), primary_key=True),
    moment("trained_at", now=True),
    moment("window_since"),
    moment("window_until"),
    sa.Column("players", sa.BigInteger, nullable=False),
    sa.Column("settings", JSONB, nullable=False),
    sa.Column("inputs", JSONB, server_default='{"left_out": [], "verdicts": {}}', nullable=False),
    sa.Column("numbers", JSONB, nullable=False),
    sa.Column("artifact", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.CheckConstraint("state in ('active', 'retired')", name="state"),
    sa.Index("uq_models_active", "state", unique=True, postgresql_where=sa.text("state = 'active'")),
)

# The progress of the background review of the ledger, in one row.
review_progress = sa.Table(
    "review_progress",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    moment("reviewed_before"),
    sa.CheckConstraint("number = 1", name="number"),
)

# One row for each refused action, however many rules refused it: `reason` is the rule that added the most, or `level`
# where no rule added anything and the earlier suspicion refused the action. `issued_at` is null before migration 0009.
refusals = sa.Table(
    "refusals",
    metadata,
    sa.Column("action_id", UUID(), primary_key=True),
    sa.Column("player_id", UUID(), nullable=False),
    sa.Column("season_id", sa.Integer, nullable=False),
    sa.Column("action_type_id", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    moment("judged_at"),
    moment("created_at", now=True),
    moment("issued_at", nullable=True),
    sa.CheckConstraint("reason ~ '^[a-z_]{1,32}$'", name="reason"),
    sa.Index("ix_refusals_created_at", "created_at"),
    sa.Index("ix_refusals_player", "player_id", "judged_at"),
)

# The points that players scored in an hour and on a day (UTC), voided ones too, of the events up to the progress's
# cursor. `first_event` is the first event of the hour.
gain_hours = sa.Table(
    "gain_hours",
    metadata,
    sa.Column("player_id", UUID(), primary_key=True),
    sa.Column("starts_at", sa.TIMESTAMP(timezone=True), primary_key=True, index=True),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("first_event", sa.BigInteger, nullable=False),
)
gain_days = sa.Table(
    "gain_days",
    metadata,
    sa.Column("player_id", UUID(), primary_key=True),
    sa.Column("starts_at", sa.TIMESTAMP(timezone=True), primary_key=True, index=True),
    sa.Column("points", sa.BigInteger, nullable=False),
)

# The last event that those sums include, and the limits in force, in one row.
gain_progress = sa.Table(
    "gain_progress",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("cursor", sa.BigInteger, nullable=False),
    sa.Column("limits", JSONB),
    moment("limits_at", nullable=True),
    sa.CheckConstraint("number = 1", name="number"),
)

# The last look at a player who gained unusually much. From `next_points` on, the next look doesn't wait.
gain_looks = sa.Table(
    "gain_looks",
    metadata,
    sa.Column("player_id", UUID(), primary_key=True),
    moment("looked_at"),
    sa.Column("next_points", sa.BigInteger, nullable=False),
)

# The first time that a player was seen in the top places of a season.
podium_entries = sa.Table(
    "podium_entries",
    metadata,
    sa.Column("season_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("player_id", UUID(), primary_key=True),
    moment("entered_at"),
)
