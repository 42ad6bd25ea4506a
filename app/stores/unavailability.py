"""The errors that mean that PostgreSQL or Redis is unavailable: it does not answer, or it answers and refuses to work.

A refusal is a state of the server that an operator ends (read-only, out of memory, revoked rights), so the same
request succeeds afterwards. Every other error that a server reports is a bug of ours. Both servers' replies are
classified here, once: `PARSER` for every reply of Redis, `pg_refuses` for every error of PostgreSQL.
"""

from __future__ import annotations

import re

import psycopg
import redis.exceptions
import sqlalchemy.exc
from redis.connection import DefaultParser


class RedisRefuses(redis.exceptions.ResponseError):
    """Redis executes no command of this kind at the moment; redis-py has no class for this reply."""


class WrongType(RedisRefuses):
    """Another program has written a value of another type to one of our keys."""


UNAVAILABLE: tuple[type[Exception], ...] = (
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.TimeoutError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.BusyLoadingError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.NoPermissionError,
    redis.exceptions.InvalidResponse,  # something other than Redis answers at this address
    redis.exceptions.AskError,  # covers MovedError too: a node of a cluster, addressed as a single Redis
    redis.exceptions.TryAgainError,
    RedisRefuses,
)

REFUSING: tuple[type[Exception], ...] = (
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.NoPermissionError,
    RedisRefuses,
)
"""The errors of `UNAVAILABLE` that are replies of Redis: an operator has to fix their cause."""

AFTER_COMMIT: tuple[type[Exception], ...] = (
    *UNAVAILABLE,
    redis.exceptions.RedisError,
    sqlalchemy.exc.SQLAlchemyError,
    TypeError,
    ValueError,
    LookupError,
)
"""The errors that may occur after a commit, malformed replies included: none of them changes the decision or the
response to the caller."""

# Redis 6.2 puts the reason after its place in the script; 7 begins with a code, which redis-py mostly has a class for.
_IN_SCRIPT = re.compile(r"Error running script \(call to \w+\): (?:@\w+: ?\d+: )*-?(?P<reason>.*)", re.DOTALL)
_REDIS_CODES = {
    *("OOM", "READONLY", "MISCONF", "NOREPLICAS", "LOADING", "BUSY"),
    *("MASTERDOWN", "CLUSTERDOWN"),
    "WRONGTYPE",
    *("NOPERM", "NOAUTH", "WRONGPASS", "DENIED"),
}
_REDIS_TEXTS = (
    "the user executing the script can't",  # 6.2: the user's rights do not cover a command that the script calls
    "acl failure in script",  # the same since 7
    "unknown command",  # renamed or disabled by the operator
    "unknown redis command",  # the same inside a script
    "max number of clients",
    "can't save in background",
)


def translate_redis_error(error: Exception) -> Exception:
    """Return the error itself, or a `RedisRefuses` with the reason alone in its place."""
    if type(error) is not redis.exceptions.ResponseError:
        return error
    text = str(error)
    match = _IN_SCRIPT.match(text)
    reason = match["reason"] if match else text
    if reason.partition(" ")[0] in _REDIS_CODES or reason.lower().startswith(_REDIS_TEXTS):
        return WrongType(reason) if reason.startswith("WRONGTYPE") else RedisRefuses(reason)
    return error


class _Parser(DefaultParser):  # type: ignore[valid-type,misc]
    """redis-py's parser, which passes every error reply through `translate_redis_error`."""

    @classmethod
    def parse_error(cls, response: str) -> Exception:
        error: Exception = super().parse_error(response)
        return translate_redis_error(error)


PARSER = _Parser
"""The parser for every connection to Redis."""

# SQLSTATEs of PostgreSQL's refusals, besides those that the driver raises as an OperationalError anyway (classes 08,
# 53, 57, 58 and others). A schema that lacks an object is at another migration than this version, or partly restored.
_PG_STATES = frozenset(
    {
        "25006",  # read_only_sql_transaction: a demoted primary
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
        "42501",  # insufficient_privilege
        "3F000",  # invalid_schema_name
        "42P01",  # undefined_table
        "42703",  # undefined_column
        "42704",  # undefined_object
        "42883",  # undefined_function
        "22P05",  # untranslatable_character: the database has another encoding than UTF-8
    }
)
_PG_CONFLICTS = ("40P01", "40001")  # deadlock_detected, serialization_failure
_PG_CANCELED = "57014"  # query_canceled, by statement_timeout, which bounds the wait for a lock too
_PG_WAITS = ("55P03", _PG_CANCELED)  # lock_not_available
_PG_CLASSES = ("53", "58", "XX")  # insufficient resources, system error, internal error: damaged data, for example
# libpq gives no SQLSTATE for a connection that the server refuses, only its words.
_REFUSED_CONNECTION = re.compile(r"\bFATAL: +(.+)")


def pg_refuses(error: object) -> bool:
    """Return whether the driver's error says that PostgreSQL, in its present state, refuses this to every caller."""
    state = getattr(error, "sqlstate", None)
    if state is None:
        return False
    return state in _PG_STATES or state.startswith(_PG_CLASSES) or statement_outdated(error)


def is_conflict(error: object) -> bool:
    """Return whether PostgreSQL has ended a transaction that may succeed at once when it is repeated.

    It was one side of a deadlock, or could not be serialized with others; nothing of it was committed.
    """
    return getattr(error, "sqlstate", None) in _PG_CONFLICTS


def was_locked(error: object) -> bool:
    """Return whether other transactions kept this one from its end: a conflict, or a wait that took too long."""
    return is_conflict(error) or getattr(error, "sqlstate", None) in _PG_WAITS


def took_too_long(error: Exception) -> bool:
    """Return whether PostgreSQL has ended a statement because of its time limit."""
    return getattr(getattr(error, "orig", error), "sqlstate", None) == _PG_CANCELED


def connection_refusal(error: Exception) -> str | None:
    """Return PostgreSQL's reason for refusing a connection, in its own words; None for any other error."""
    match = _REFUSED_CONNECTION.search(str(getattr(error, "orig", None) or error))
    return match[1] if match else None


def statement_outdated(error: object) -> bool:
    """Return whether a prepared statement no longer works on its connection, while another connection works.

    The cause is a migration that has changed its tables, or a pooler in between that has dropped it.
    """
    state = getattr(error, "sqlstate", None)
    if state == "0A000" and isinstance(error, psycopg.Error):  # its text is in the server's language
        return error.diag.source_function == "RevalidateCachedQuery"
    return state == "26000"


def session_outdated(error: object) -> bool:
    """Return whether a new session may succeed where this one failed, and will fail again.

    A session keeps the default_transaction_read_only with which it began, whatever the operator has set since.
    """
    return statement_outdated(error) or getattr(error, "sqlstate", None) == "25006"


def certainly_changed_nothing(error: Exception) -> bool:
    """Return whether a failed statement has certainly changed nothing.

    True if it was never sent, or if the server itself reported the error; False if the connection was lost meanwhile,
    or if the server was shutting down (class 57P), which may happen between the commit and the reply.
    """
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return True
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.statement is None and not error.connection_invalidated:
        return True
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state is not None and not state.startswith(("08", "57P"))


def reason_of(error: Exception) -> str:
    """Return the first sentence of the server's error, after Redis's code if any, without our libraries' additions."""
    text = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    code = getattr(error, "status_code", None)
    sentence = text.splitlines()[0].partition(". ")[0].strip().rstrip(".")
    return f"{code} {sentence}" if code and code != "ERR" else sentence
