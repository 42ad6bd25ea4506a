"""The lock on boards, their seasons and their action types."""

from __future__ import annotations

import sqlalchemy as sa


def lock_boards(connection: sa.Connection) -> None:
    """Let no other transaction change boards, their seasons or action types until this one ends.

    Take it before all other locks.
    """
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('fairboard boards'))"))
