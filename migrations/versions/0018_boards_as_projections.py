"""Expand: boards with scoring, seasons and order; types that feed several; results, metadata, standings of any score.

Servers of the version before may run on this schema. For `main` they write what it means, except that they leave a time
on a standing without points: triggers correct that until the schema is contracted (app/stores/postgres/contraction.py).

This changes no rows of the large tables, so that redemptions wait for a moment only; 0023 does the rest beside them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_MAX_SCORE = 2**53 - 1
_CHECKS = {
    "boards": {
        "scoring": "scoring in ('sum', 'best', 'last', 'count')",
        "sort_order": "sort_order = 'desc' or sort_order = 'asc' and scoring in ('best', 'last')",
        "decimals": "decimals between 0 and 6",
        "ends_at": "ends_at > starts_at",
        "segments": "cardinality(segments) <= 4",
    },
    "action_types": {
        "more_boards": "cardinality(more_boards) <= 7 and board_id <> all (more_boards)",
        "result_kind": (
            "result_kind in ('fixed', 'reported', 'trusted') and (result_kind = 'fixed') = (points is not null)"
        ),
        "results": "min_result <= max_result",
        "token_seconds": "token_seconds between 10 and 86400 and token_seconds > min_seconds",
    },
}


def _column(name: str, kind: sa.types.TypeEngine[Any], default: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, kind, server_default=default, nullable=default is None)


def _check(table: str, name: str, condition: str) -> None:
    """Add a check constraint without a look at the rows."""
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({condition}) NOT VALID")


def _validate(table: str, name: str) -> None:
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")


def _columns() -> dict[str, list[sa.Column[Any]]]:
    moment = sa.TIMESTAMP(timezone=True)
    return {
        "boards": [
            _column("scoring", sa.Text(), "sum"),
            _column("sort_order", sa.Text(), "desc"),
            _column("unit", sa.Text(), ""),
            _column("decimals", sa.Integer(), "0"),
            _column("schedule", sa.Text()),
            _column("timezone", sa.Text(), "UTC"),
            _column("starts_at", moment),
            _column("ends_at", moment),
            _column("public", sa.Boolean(), "true"),
            _column("segments", postgresql.ARRAY(sa.Text()), "{}"),
            _column("archived_at", moment),
        ],
        "seasons": [
            _column("over_past", sa.Boolean(), "false"),
            _column("closed_at", moment),
            _column("corrected_at", moment),
            _column("players", sa.Integer()),
        ],
        "action_types": [
            _column("more_boards", postgresql.ARRAY(sa.Integer()), "{}"),
            _column("result_kind", sa.Text(), "fixed"),
            _column("min_result", sa.BigInteger()),
            _column("max_result", sa.BigInteger()),
            _column("result_is_duration", sa.Boolean(), "false"),
            _column("max_per_second", sa.Float()),
            _column("slack_seconds", sa.Float()),
            _column("token_seconds", sa.Integer()),
        ],
        "standings": [
            _column("has_held", sa.Boolean(), "false"),
            _column("keeps_newest", sa.Boolean()),
            _column("previous", sa.BigInteger()),
            _column("action_id", sa.UUID()),
        ],
        "score_events": [_column("metadata", sa.JSON()), _column("standings", postgresql.JSONB())],
        "idempotency": [_column("ranks", postgresql.JSONB())],
    }


_NULLABLE = (
    ("action_types", "points"),
    ("standings", "achieved_at"),
    ("score_events", "previous_score"),
    ("score_events", "score"),
    ("outbox", "player_id"),
)


# Before anything is changed, so that a wait for a lock ends while this holds few of them; migrations.py tries again.
_LOCK = """
    LOCK TABLE standings, score_events, outbox, idempotency, seasons, boards, action_types IN ACCESS EXCLUSIVE MODE
"""


def upgrade() -> None:
    op.execute(_LOCK)
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    for table, column_name in _NULLABLE:
        op.alter_column(table, column_name, nullable=True)
    for table, conditions in _CHECKS.items():
        for name, condition in conditions.items():
            _check(table, name, condition)
            _validate(table, name)
    op.execute("UPDATE seasons SET over_past = true WHERE number = 1")
    op.create_index("ix_seasons_time", "seasons", ["board_id", "starts_at"])
    op.create_index("ix_seasons_unclosed", "seasons", ["ends_at"], postgresql_where=sa.text("closed_at IS NULL"))
    op.create_index(
        "ix_seasons_uncounted",
        "seasons",
        ["id"],
        postgresql_where=sa.text("closed_at IS NOT NULL AND players IS NULL"),
    )
    for name in ("score", "held"):
        op.drop_constraint(f"ck_standings_{name}", "standings")
        _check("standings", name, f"{name} between -{_MAX_SCORE} and {_MAX_SCORE}")
    _add_triggers()


def _add_triggers() -> None:
    newest = op.get_bind().execute(sa.text("SELECT coalesce(max(id), 0) FROM seasons")).scalar_one()
    op.execute("""
        CREATE FUNCTION unlist_standing() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.achieved_at := NULL;
            RETURN NEW;
        END $$
    """)
    of_older_server = f"NEW.season_id <= {newest} AND NEW.score = 0 AND NEW.achieved_at IS NOT NULL"
    op.execute(f"""
        CREATE TRIGGER held_by_older_server BEFORE INSERT ON standings FOR EACH ROW
        WHEN ({of_older_server} AND NEW.held > 0 AND NOT NEW.has_held) EXECUTE FUNCTION unlist_standing()
    """)
    op.execute(f"""
        CREATE TRIGGER emptied_by_older_server BEFORE UPDATE ON standings FOR EACH ROW
        WHEN ({of_older_server} AND OLD.score > 0 AND NEW.achieved_at = OLD.achieved_at)
        EXECUTE FUNCTION unlist_standing()
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS unlist_standing CASCADE")  # with its triggers; gone if contracted
    op.execute("CREATE INDEX IF NOT EXISTS ix_standings_held ON standings (player_id) WHERE held > 0")
    for name in ("score", "held"):
        op.drop_constraint(f"ck_standings_{name}", "standings")
        _check("standings", name, f"{name} between 0 and {_MAX_SCORE}")
        _validate("standings", name)
    op.drop_index("ix_seasons_uncounted", table_name="seasons")
    op.drop_index("ix_seasons_unclosed", table_name="seasons")
    op.drop_index("ix_seasons_time", table_name="seasons")
    for table, conditions in _CHECKS.items():
        for name in conditions:
            op.drop_constraint(f"ck_{table}_{name}", table)
    op.execute("UPDATE standings SET achieved_at = clock_timestamp() WHERE achieved_at IS NULL")
    op.execute("DELETE FROM outbox WHERE player_id IS NULL")
    op.execute("ALTER TABLE score_events DISABLE TRIGGER USER")  # which let nothing change the ledger
    op.execute("UPDATE score_events SET previous_score = 0, score = 0 WHERE previous_score IS NULL OR score IS NULL")
    op.execute("ALTER TABLE score_events ENABLE TRIGGER USER")
    for table, column_name in _NULLABLE:
        op.alter_column(table, column_name, nullable=False)
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name)
