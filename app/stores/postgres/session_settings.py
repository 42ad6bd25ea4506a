"""The settings of every PostgreSQL session: those that its answers depend on are always ours.

Settings of the role, the database, the server or the environment make no difference.

Most of ours travel in the startup packet, where they override those of the role and the database and survive SET and
RESET. libpq appends settings from the environment (PGDATESTYLE, PGTZ) to that packet, so those two are set once more.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
import sqlalchemy.exc

from app.stores.postgres.gevent_connection import DriverConnection
from app.stores.unavailability import pg_refuses, session_outdated

SCHEMA = "0030"
"""The newest migration, with which the names of all sessions end: so the sessions of earlier versions are known."""

_ESCAPED_SPACE = "\\ "
# The schema of the tables, unless the operator's URL names another one in its own `options`.
_SCHEMA = {"search_path": "public"}
_PINNED: dict[str, str | int] = {
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "extra_float_digits": 1,  # the shortest text that reads back as the same number
    "row_security": "off",  # a table whose rows a policy hides from us is refused, instead of read in part
    "exit_on_error": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "idle_in_transaction_session_timeout": 0,
    "lock_timeout": 0,  # statement_timeout bounds the wait for a lock as well
}
# One round trip for each new connection. The operator decides whether synchronous_commit waits for standbys; but with
# "off" a crash would lose points that players have already seen.
_AFTER_CONNECT = """
    SELECT set_config('datestyle', 'ISO', false), set_config('timezone', 'UTC', false), set_config(
               'synchronous_commit', coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'), false
           ), (
               SELECT count(set_config(name, '0', false)) FROM pg_settings
               WHERE name IN ('transaction_timeout', 'idle_session_timeout')  -- not every version has them
           )
"""


def make_engine(
    url: str,
    *,
    name: str,
    session: Mapping[str, str | int],
    connect_args: Mapping[str, object] | None = None,
    **options: object,
) -> sa.Engine:
    """Return an engine whose sessions add `session` to the pinned settings.

    In pg_stat_activity they are called `name` and SCHEMA. `options` are SQLAlchemy's; `connect_args` are the driver's.
    A refusal by PostgreSQL is an OperationalError.
    """
    address = sa.make_url(url)
    driver_args = {
        "connect_timeout": 3,
        "application_name": f"{name} {SCHEMA}",
        **(connect_args or {}),
        "client_encoding": "UTF8",
        "options": _join_options(address.query.get("options", ""), session),
    }
    engine = sa.create_engine(address, connect_args=driver_args, hide_parameters=True, **options)
    sa.event.listen(engine, "connect", _pin_settings)
    sa.event.listen(engine, "handle_error", _unify_refusal)
    return engine


def _join_options(operator_options: str | tuple[str, ...], session: Mapping[str, str | int]) -> str:
    """Join the operator's own options with ours: after the schema, which they may name, and before the pinned ones."""
    text = operator_options if isinstance(operator_options, str) else " ".join(operator_options)
    return " ".join(
        part for part in (_format_settings(_SCHEMA), text, _format_settings({**_PINNED, **session})) if part
    )


def _format_settings(settings: Mapping[str, str | int]) -> str:
    return " ".join(f"-c {name}={str(value).replace(' ', _ESCAPED_SPACE)}" for name, value in settings.items())


def _pin_settings(connection: DriverConnection, _record: object) -> None:
    autocommit, connection.autocommit = connection.autocommit, True
    connection.execute(_AFTER_CONNECT)
    connection.autocommit = autocommit


def _unify_refusal(context: sa.engine.ExceptionContext) -> Exception | None:
    """Return an OperationalError for every refusal by PostgreSQL, for which the driver has several classes."""
    error = context.original_exception
    if not pg_refuses(error):
        return None
    if session_outdated(error):
        context.is_disconnect = True  # this connection would fail again
    return sqlalchemy.exc.OperationalError(context.statement, None, error, hide_parameters=True)
