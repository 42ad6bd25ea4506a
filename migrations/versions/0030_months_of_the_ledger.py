"""Expand: partition the ledger by the month in which an action was issued.

The table of before becomes the first partition, with all its indexes. Each partition has the unique indexes, and the
triggers of statements, itself: a unique index of the whole would need the time of issue as a column of its own.
It may be stopped at any point, and does the rest when it is run again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

# All columns of an event but its metadata, which may be emptied, and imported_at, which has a trigger of its own.
_EVENT = (
    "id, kind, action_id, voids_id, player_id, season_id, action_type_id, points, previous_score, score, issued_at, "
    "created_at, request_id, judged_at, correction_id, held_under, standings, api_key_id"
)
_STATEMENT_TRIGGERS = (
    f"append_only BEFORE UPDATE OF {_EVENT} OR DELETE OR TRUNCATE",
    "imported_at_stays BEFORE UPDATE OF imported_at",
)
_ROW_TRIGGER = """
    CREATE TRIGGER metadata_only_emptied BEFORE UPDATE OF metadata ON score_events
    FOR EACH ROW WHEN (NEW.metadata IS NOT NULL) EXECUTE FUNCTION refuse_ledger_change()
"""
_INDEXES = {
    "ix_score_events_corrected": "(action_id, id) WHERE kind <> 'redeem'",
    "ix_score_events_correction": "(correction_id, id) WHERE correction_id IS NOT NULL",
    "ix_score_events_player": "(player_id, id)",
    "ix_score_events_created_at": "USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on)",
}
_LIKE = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION"
_BOUND = """
    SELECT substring(pg_get_constraintdef(oid) FROM '''(.+)''::timestamp') FROM pg_constraint
    WHERE conname = 'ck_score_events_before'
"""
# `part` is the end of the partition's name, as in score_events_2027_01.
_ADD_PARTITION = f"""
    CREATE FUNCTION add_score_events_partition(part text, bounds text) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE name text := 'score_events_' || part;
    BEGIN
        EXECUTE format('CREATE TABLE %I (LIKE score_events {_LIKE})', name);
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I PRIMARY KEY (id)', name, 'pk_' || name);
        EXECUTE format('CREATE UNIQUE INDEX %I ON %I (action_id) WHERE kind = ''redeem''',
                       'uq_score_events_action_' || part, name);
        EXECUTE format('CREATE UNIQUE INDEX %I ON %I (voids_id) WHERE voids_id IS NOT NULL',
                       'uq_score_events_voids_' || part, name);
        {
    " ".join(
        f"EXECUTE format('CREATE TRIGGER {trigger} ON %I EXECUTE FUNCTION refuse_ledger_change()', name);"
        for trigger in _STATEMENT_TRIGGERS
    )
}
        EXECUTE format('ALTER TABLE score_events ATTACH PARTITION %I %s', name, bounds);
    END $$
"""
_MONTHS = """
    SELECT add_score_events_partition(
        to_char(month, 'YYYY_MM'), format('FOR VALUES FROM (%L) TO (%L)', month, month + interval '1 month')
    ) FROM generate_series(CAST(:bound AS timestamptz), now() + interval '3 months', '1 month') month
"""
# What the owner has granted to others, such as a role that only reads.
_COPY_GRANTS = """
    DO $$
    DECLARE given record;
    BEGIN
        FOR given IN
            SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role, privilege_type AS right
            FROM pg_class, aclexplode(relacl) WHERE oid = 'score_events_before'::regclass AND grantee <> relowner
        LOOP
            EXECUTE format('GRANT %s ON score_events TO %s', given.right, given.role);
        END LOOP;
    END $$
"""
_PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'score_events'::regclass"
_NEXT_ID = "SELECT last_value + is_called::int FROM score_events_id_seq"


def _scalar(query: str) -> object:
    return op.get_bind().execute(sa.text(query)).scalar_one()


def _add_triggers() -> None:
    for trigger in _STATEMENT_TRIGGERS:
        op.execute(f"CREATE TRIGGER {trigger} ON score_events EXECUTE FUNCTION refuse_ledger_change()")
    op.execute(_ROW_TRIGGER)


def upgrade() -> None:
    if _scalar("SELECT relkind FROM pg_class WHERE oid = 'score_events'::regclass") != "p":
        _partition()
    # Autovacuum gathers no statistics of a partitioned table as a whole.
    with op.get_context().autocommit_block():
        op.execute("ANALYZE ONLY score_events")


def _partition() -> None:
    op.execute("LOCK TABLE score_events IN ACCESS EXCLUSIVE MODE")
    bound, next_id = _scalar(_BOUND), _scalar(_NEXT_ID)
    op.execute("ALTER TABLE score_events RENAME TO score_events_before")
    op.execute("ALTER TABLE score_events_before ALTER COLUMN id DROP IDENTITY")
    op.execute("DROP TRIGGER metadata_only_emptied ON score_events_before")  # the partition gets that of the whole
    op.execute(f"CREATE TABLE score_events (LIKE score_events_before {_LIKE}) PARTITION BY RANGE (issued_at)")
    op.execute("ALTER TABLE score_events DROP CONSTRAINT ck_score_events_before")
    op.execute(
        "ALTER TABLE score_events ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY "
        f"(SEQUENCE NAME score_events_id_seq START WITH {next_id})"
    )
    for name, definition in _INDEXES.items():
        op.execute(f"ALTER INDEX {name} RENAME TO {name}_before")
        op.execute(f"CREATE INDEX {name} ON score_events {definition}")
    op.execute(_COPY_GRANTS)
    _add_triggers()
    op.execute(
        f"ALTER TABLE score_events ATTACH PARTITION score_events_before FOR VALUES FROM (MINVALUE) TO ('{bound}')"
    )
    op.execute("ALTER TABLE score_events_before DROP CONSTRAINT ck_score_events_before")
    op.execute(_ADD_PARTITION)
    op.get_bind().execute(sa.text(_MONTHS), {"bound": bound})
    op.execute("SELECT add_score_events_partition('rest', 'DEFAULT')")


def downgrade() -> None:
    op.execute("LOCK TABLE score_events IN ACCESS EXCLUSIVE MODE")
    next_id = _scalar(_NEXT_ID)
    partitions = op.get_bind().execute(sa.text(_PARTITIONS)).scalars().all()
    for partition in partitions:
        op.execute(f"ALTER TABLE score_events DETACH PARTITION {partition}")
    op.execute("DROP TABLE score_events")
    for partition in partitions:
        if partition != "score_events_before":
            op.execute(f"INSERT INTO score_events_before SELECT * FROM {partition}")
            op.execute(f"DROP TABLE {partition}")
    op.execute("DROP FUNCTION add_score_events_partition")
    op.execute("ALTER TABLE score_events_before RENAME TO score_events")
    for name in _INDEXES:
        op.execute(f"ALTER INDEX {name}_before RENAME TO {name}")
    op.execute(
        "ALTER TABLE score_events ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY "
        f"(SEQUENCE NAME score_events_id_seq START WITH {next_id})"
    )
    op.execute(_ROW_TRIGGER)
    bound = "date_trunc('month', greatest(now() + interval '31 days', max(issued_at)), 'UTC') + interval '1 month'"
    latest = _scalar(f"SELECT ({bound})::text FROM score_events")
    op.execute(f"ALTER TABLE score_events ADD CONSTRAINT ck_score_events_before CHECK (issued_at < '{latest}')")
