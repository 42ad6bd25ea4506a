"""A failure of PostgreSQL or Redis in words."""

from __future__ import annotations

import redis.exceptions
import sqlalchemy.exc

from app.settings import Settings
from app.stores.addresses import address

BROKEN: tuple[type[Exception], ...] = (sqlalchemy.exc.SQLAlchemyError, redis.exceptions.RedisError)


def explain(error: Exception, settings: Settings) -> str:
    """A failure of PostgreSQL or Redis in one line: which part, what it says, what to do."""
    if isinstance(error, redis.exceptions.RedisError):
        said = first_line(error)
        return f"Redis at {address(settings.redis_url)} fails: {said}. Start it, or set REDIS_URL; then run this again."
    original = _original(error)
    place = f"PostgreSQL at {address(settings.database_url)}"
    if getattr(original, "sqlstate", None) == "42P01":
        return f"{place} lacks a table: run 'flask --app wsgi db upgrade' first."
    if isinstance(error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError | sqlalchemy.exc.TimeoutError):
        said = first_line(original)
        return f"{place} fails: {said}. Start it, or set DATABASE_URL; then run this again."
    return f"{place} refuses: {first_line(original)}."


def first_line(error: object) -> str:
    """What it says, without the rest."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].strip().rstrip(".")


def said_by(error: Exception) -> str:
    """What the server said, without what our libraries add."""
    return first_line(_original(error))


def _original(error: Exception) -> object:
    return getattr(error, "orig", None) or error
