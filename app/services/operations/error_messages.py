"""Descriptions of failures of PostgreSQL and Redis."""

from __future__ import annotations

import redis.exceptions
import sqlalchemy.exc

from app.launcher_files import how_to_load
from app.settings import Settings
from app.stores.postgres.engine import UNAVAILABLE
from app.stores.server_addresses import address
from app.stores.unavailability import pg_refuses, reason_of, was_locked

BROKEN: tuple[type[Exception], ...] = (sqlalchemy.exc.SQLAlchemyError, redis.exceptions.RedisError)
_NO_SUCH_TABLE = "42P01"


def explain(error: Exception, settings: Settings) -> str:
    """Describe a failure in one line: the part, its message, and advice."""
    says, advice = describe_fault(error, settings)
    return f"{says}. {advice}" if advice else f"{says}."


def describe_fault(error: Exception, settings: Settings) -> tuple[str, str]:
    """Return the failed part with its message, and advice, which may be empty."""
    if isinstance(error, redis.exceptions.RedisError):
        place = f"Redis at {address(settings.redis_url)}"
        if isinstance(error, redis.exceptions.ResponseError):
            return f"{place} refuses: {reason_of(error)}", "See its log and 'redis-cli info', and fix the cause."
        return f"{place} fails: {server_message(error)}", _advice("REDIS_URL", settings)
    place = f"PostgreSQL at {address(settings.database_url)}"
    if getattr(_original(error), "sqlstate", None) == _NO_SUCH_TABLE:
        return f"{place} lacks a table", "Run 'flask --app wsgi db upgrade' first."
    if was_locked(_original(error)):
        return f"{place} was busy with other work: {server_message(error)}", "Run the command again."
    if isinstance(error, UNAVAILABLE) and not pg_refuses(_original(error)):
        return f"{place} fails: {server_message(error)}", _advice("DATABASE_URL", settings)
    return f"{place} refuses: {server_message(error)}", ""


def _advice(name: str, settings: Settings) -> str:
    return without_environment(settings) or f"Start it, or set {name}; then run this again."


def without_environment(settings: Settings) -> str:
    """Return advice for a terminal in which no server's address is set; empty where one is."""
    default = Settings()
    if (settings.database_url, settings.redis_url) != (default.database_url, default.redis_url):
        return ""
    usage = how_to_load()
    if not usage:
        return "'make run' starts everything and writes var/env with the settings; or set DATABASE_URL and REDIS_URL."
    return (
        f"Load the settings that the launcher wrote, with {usage}, in this terminal; or set DATABASE_URL and REDIS_URL."
    )


def first_line(error: object) -> str:
    """Return the message's first line without its final period, or the type's name for an empty message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].strip().rstrip(".")


def server_message(error: Exception) -> str:
    """Return the server's message, without additions by our libraries."""
    return first_line(_original(error))


def _original(error: Exception) -> object:
    return getattr(error, "orig", None) or error
