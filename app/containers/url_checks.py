"""The check of the servers' URLs by the clients that will read them: a text can't tell which options they know.

The settings themselves load no client: gevent has to patch the process first. Nothing here reaches a server.
"""

from __future__ import annotations

import math
import re
from ipaddress import ip_address

import sqlalchemy as sa
import sqlalchemy.exc
from psycopg import ProgrammingError
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn
from redis import ConnectionPool, RedisError
from redis.connection import parse_url

from app.settings import BadSetting, Settings
from app.stores.redis.cluster_slots import SCHEME, parse

_NO_SOCKETS = "/dev/null/none"
_LOOKED_FOR_SERVER = b"connection to server on socket"
# libpq reads these only when it connects over TCP.
_NUMBERS = (
    *("connect_timeout", "tcp_user_timeout"),
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
)
# redis-py takes every parameter of its connections from a URL: many are objects, or not for an operator to choose.
_REDIS_OPTIONS = {
    *("host", "port", "path", "db", "username", "password", "connection_class", "protocol", "client_name"),
    *("socket_timeout", "socket_connect_timeout", "socket_keepalive", "socket_read_size"),
    *("health_check_interval", "max_connections", "retry_on_timeout"),
}

_UNREADABLE = (
    "has an option that PostgreSQL's client doesn't know, or a bad value; "
    "or a variable of the environment that it reads too, such as PGSSLMODE, has one"
)


def check_urls(settings: Settings) -> None:
    """Raise BadSetting for an option that the client of PostgreSQL or Redis can't read. Shows no part of the URL."""
    if not _is_readable_by_psycopg(settings.database_url):
        raise BadSetting(f"DATABASE_URL {_UNREADABLE}")
    if not all(map(_is_readable_by_psycopg, settings.database_replica_urls)):
        raise BadSetting(f"DATABASE_REPLICA_URLS {_UNREADABLE}")
    if not _is_readable_by_redis(settings.redis_url):
        raise BadSetting("REDIS_URL has an option that the Redis client doesn't know, or a bad value")


def _is_readable_by_psycopg(text: str) -> bool:
    """Let libpq read all options, with the folder of a socket that can't exist in place of each host."""
    try:
        url = sa.make_url(text)
        _, options = url.get_dialect()().create_connect_args(url)
        addresses = str(options.pop("hostaddr", "") or "").split(",")
        hosts = ",".join([_NO_SOCKETS] * (1 + str(options.get("host", "")).count(",")))
        conninfo = make_conninfo("", **{**options, "host": hosts})
        are_read = all(map(ip_address, filter(None, addresses))) and all(
            re.fullmatch(r" *[+-]?[0-9]{1,9} *", str(options.get(name) or 0)) for name in _NUMBERS
        )
    except (ValueError, ProgrammingError, sqlalchemy.exc.ArgumentError):
        return False
    connection = PGconn.connect_start(conninfo.encode())
    message = connection.error_message
    connection.finish()
    return are_read and _LOOKED_FOR_SERVER in message


def _is_readable_by_redis(url: str) -> bool:
    try:
        options = parse(url)[1] if url.startswith(f"{SCHEME}://") else parse_url(url)  # type: ignore[no-untyped-call]
        ConnectionPool(**options).make_connection()  # it connects later
    except (ValueError, TypeError, AttributeError, RedisError):
        return False
    timeouts = [options.get(name, 1.0) for name in ("socket_timeout", "socket_connect_timeout")]
    return all(name in _REDIS_OPTIONS or name.startswith("ssl_") for name in options) and all(
        0 < timeout < math.inf for timeout in timeouts
    )
