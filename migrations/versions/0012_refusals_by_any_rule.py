"""The reason of a refusal is the name of any rule, so that a new rule needs no migration."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_NAME = "ck_refusals_reason"


def upgrade() -> None:
    _check("reason ~ '^[a-z_]{1,32}$'")


def downgrade() -> None:
    _check("reason in ('timing', 'pattern', 'frequency', 'level')")


def _check(condition: str) -> None:
    # Check the old rows without blocking writes.
    op.drop_constraint(op.f(_NAME), "refusals", type_="check")
    op.execute(f"ALTER TABLE refusals ADD CONSTRAINT {_NAME} CHECK ({condition}) NOT VALID")
    op.execute(f"ALTER TABLE refusals VALIDATE CONSTRAINT {_NAME}")
