"""The check of the servers' URLs by the clients that will read them: a text can't tell which options they know.

The settings themselves load no client: gevent has to patch the process first.
"""

from __future__ import annotations

import sqlalchemy as sa
import sqlalchemy.exc
from psycopg import ProgrammingError
from psycopg.conninfo import make_conninfo
from redis import ConnectionPool

from app.settings import BadSetting, Settings
from app.stores.redis.cluster_slots import SCHEME, parse


def check_urls(settings: Settings) -> None:
    """Raise BadSetting for an option that the client of PostgreSQL or Redis can't read. Shows no part of the URL."""
    if not _is_readable_by_psycopg(settings.database_url):
        raise BadSetting("DATABASE_URL has an option that PostgreSQL's client doesn't know")
    if not all(map(_is_readable_by_psycopg, settings.database_replica_urls)):
        raise BadSetting("DATABASE_REPLICA_URLS has an option that PostgreSQL's client doesn't know")
    if not _is_readable_by_redis(settings.redis_url):
        raise BadSetting("REDIS_URL has an option that the Redis client doesn't know, or a bad value")


def _is_readable_by_psycopg(url: str) -> bool:
    try:
        make_conninfo("", **dict.fromkeys(sa.make_url(url).query, ""))
    except (ValueError, ProgrammingError, sqlalchemy.exc.ArgumentError):
        return False
    return True


def _is_readable_by_redis(url: str) -> bool:
    try:
        pool = ConnectionPool(**parse(url)[1]) if url.startswith(f"{SCHEME}://") else ConnectionPool.from_url(url)
        pool.make_connection()  # it connects later
    except (ValueError, TypeError, AttributeError):
        return False
    return True
