"""The skeletons of usernames again, by rules that know more look-alikes.

`flask users look-alikes` lists the accounts that lose a skeleton to an older one; they continue as before.
"""

import sqlalchemy as sa
from alembic import op

from app.domain.look_alikes import skeletons
from app.stores.accounts.username_skeletons import fill

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    connection.execute(sa.text("DELETE FROM username_skeletons"))
    fill(connection, skeletons)


def downgrade() -> None:
    """Leave the skeletons: those of most names are the same by the older rules."""
