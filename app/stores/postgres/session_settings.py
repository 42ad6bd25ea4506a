"""How every session with PostgreSQL begins: settings that its answers depend on are ours.

It doesn't matter what the role, the database, the server or the environment say.

Most travel in the startup packet, where they beat settings of the role and the database and survive SET and RESET. What
libpq adds to that packet from the environment (PGDATESTYLE, PGTZ) comes after them, so that is said once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
import sqlalchemy.exc

from app.stores.unavailability import pg_refuses, statement_outdated

_ESCAPED_SPACE = "\\ "
# Where the tables are, unless the operator's URL names another schema in its own `options`.
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
    "row_security": "on",
    "exit_on_error": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "idle_in_transaction_session_timeout": 0,
    "lock_timeout": 0,  # statement_timeout bounds the wait for a lock as well
}
# One round trip for each new connection. What synchronous_commit says of standbys is for the operator; but with "off"
# a crash would take back points that players were told of.
_AFTERWARDS = """
    SELECT set_config('datestyle', 'ISO', false), set_config('timezone', 'UTC', false), set_config(
               'synchronous_commit', coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'), false
           ), (
               SELECT count(set_config(name, '0', false)) FROM pg_settings
               WHERE name IN ('transaction_timeout', 'idle_session_timeout')  -- not every version has them
           )
"""


def make_engine(url: str, *, name: str, session: Mapping[str, str | int], **how: Any) -> sa.Engine:
    """An engine whose sessions are called `name` in pg_stat_activity and have these settings beside the pinned ones.

    `how` is for SQLAlchemy; `connect_args` in it for the driver. What PostgreSQL refuses is an OperationalError.
    """
    address = sa.make_url(url)
    connect_args = {
        "connect_timeout": 3,
        "application_name": name,
        **how.pop("connect_args", {}),
        "client_encoding": "UTF8",
        "options": _options(address.query.get("options", ""), session),
    }
    engine = sa.create_engine(address, connect_args=connect_args, hide_parameters=True, **how)
    sa.event.listen(engine, "connect", _pin)
    sa.event.listen(engine, "handle_error", _refused)
    return engine


def _options(given: str | tuple[str, ...], session: Mapping[str, str | int]) -> str:
    """The operator's own options stay, between the schema, which they may name, and what is pinned."""
    own = given if isinstance(given, str) else " ".join(given)
    return " ".join(part for part in (_text(_SCHEMA), own, _text({**_PINNED, **session})) if part)


def _text(settings: Mapping[str, str | int]) -> str:
    return " ".join(f"-c {name}={str(value).replace(' ', _ESCAPED_SPACE)}" for name, value in settings.items())


def _pin(connection: Any, _record: Any) -> None:
    autocommit, connection.autocommit = connection.autocommit, True
    connection.execute(_AFTERWARDS)
    connection.autocommit = autocommit


def _refused(context: sa.engine.ExceptionContext) -> Exception | None:
    """One class for all that PostgreSQL refuses, whatever class the driver has for it."""
    error = context.original_exception
    if not pg_refuses(error):
        return None
    if statement_outdated(error):
        context.is_disconnect = True  # this connection would say the same again
    return sqlalchemy.exc.OperationalError(context.statement, None, error, hide_parameters=True)
