"""Alembic's entry point: runs the migrations on DATABASE_URL, or on the connection that the caller passes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from app.settings import Settings
from app.stores.postgres.migrations import engine_for
from app.stores.postgres.moderation_schema import metadata
from app.stores.postgres.schema import is_partition


def run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        include_name=lambda name, kind, _: kind != "table" or not is_partition(name),
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with engine_for(Settings.from_env().database_url).connect() as own:
        run(own)
