"""What counts as PostgreSQL or Redis being unavailable: it does not answer, or it answers and refuses to work.

A refusal is a state of the server that an operator ends (read-only, out of memory, rights taken away), so the same
request succeeds afterwards. Everything else that a server reports is a mistake of ours. Both servers' replies are
sorted here, once: `PARSER` for every reply of Redis, `pg_refuses` for every error of PostgreSQL.
"""

from __future__ import annotations

import re

import psycopg
import redis.exceptions
import sqlalchemy.exc
from redis.connection import DefaultParser


class RedisRefuses(redis.exceptions.ResponseError):
    """Redis carries out nothing of this kind at the moment, and says so in a form that redis-py has no class for."""


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
    redis.exceptions.InvalidResponse,  # something else than Redis answers there
    redis.exceptions.AskError,  # with MOVED: a node of a cluster, addressed as a single Redis
    redis.exceptions.TryAgainError,
    RedisRefuses,
)

REFUSING: tuple[type[Exception], ...] = (
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.NoPermissionError,
    RedisRefuses,
)
"""The part of `UNAVAILABLE` that is an answer of Redis: an operator has to end its cause."""

AFTER_COMMIT: tuple[type[Exception], ...] = (
    *UNAVAILABLE,
    redis.exceptions.RedisError,
    sqlalchemy.exc.SQLAlchemyError,
    TypeError,
    ValueError,
    LookupError,
)
"""What may go wrong once something is committed, an answer in no known form too: none of it changes what was
decided, and what the caller is told."""

# Redis 6.2 puts the reason behind where it met it; 7 begins with the code, and redis-py has classes for most of those.
_IN_SCRIPT = re.compile(r"Error running script \(call to \w+\): (?:@\w+: ?\d+: )*-?(?P<reason>.*)", re.DOTALL)
_REDIS_CODES = {
    *("OOM", "READONLY", "MISCONF", "NOREPLICAS", "LOADING", "BUSY"),
    *("MASTERDOWN", "CLUSTERDOWN"),
    "WRONGTYPE",  # somebody else has written to a key of ours: until the board's repair has deleted it
    *("NOPERM", "NOAUTH", "WRONGPASS", "DENIED"),
}
_REDIS_TEXTS = (
    "the user executing the script can't",  # 6.2: the rights of the user do not cover what a script calls
    "acl failure in script",  # the same since 7
    "unknown command",  # renamed or disabled by the operator
    "unknown redis command",  # the same inside a script
    "max number of clients",
    "can't save in background",
)


def redis_meaning(error: Exception) -> Exception:
    """The error itself, or a RedisRefuses in its place with the reason alone."""
    if type(error) is not redis.exceptions.ResponseError:
        return error
    text = str(error)
    inside = _IN_SCRIPT.match(text)
    reason = inside["reason"] if inside else text
    if reason.partition(" ")[0] in _REDIS_CODES or reason.lower().startswith(_REDIS_TEXTS):
        return RedisRefuses(reason)
    return error


class _Parser(DefaultParser):  # type: ignore[valid-type,misc]
    """redis-py's parser, with `redis_meaning` of every error reply."""

    @classmethod
    def parse_error(cls, response: str) -> Exception:
        error: Exception = super().parse_error(response)
        return redis_meaning(error)


PARSER = _Parser
"""The parser for every connection to Redis."""

# SQLSTATEs by which PostgreSQL refuses, beside those that the driver has as an OperationalError anyway (classes 08, 53,
# 57, 58 and others). A schema that lacks something is at another migration than this version, or partly restored.
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
        "22P05",  # untranslatable_character: the database is in another encoding than UTF-8
    }
)
_PG_CLASSES = ("53", "58", "XX")  # insufficient resources, system error, internal error: damaged data, for example


def pg_refuses(error: object) -> bool:
    """Whether an error of the driver says that PostgreSQL, as it is now, will not do this for anybody."""
    state = getattr(error, "sqlstate", None)
    if state is None:
        return False
    return state in _PG_STATES or state.startswith(_PG_CLASSES) or statement_outdated(error)


def statement_outdated(error: object) -> bool:
    """Whether a prepared statement is of no use on its connection any more: a migration has changed its tables, or a
    pooler in between has forgotten it. Another connection works."""
    state = getattr(error, "sqlstate", None)
    if state == "0A000" and isinstance(error, psycopg.Error):  # whose text is in the language of the server
        return error.diag.source_function == "RevalidateCachedQuery"
    return state == "26000"


def surely_not_done(error: Exception) -> bool:
    """Whether a statement that failed has certainly changed nothing.

    So it is when it was never sent, or when the server itself reported the error; not when the connection was lost
    on the way, nor when the server was shutting down (class 57P), which may come between commit and answer.
    """
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return True
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.statement is None and not error.connection_invalidated:
        return True
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state is not None and not state.startswith(("08", "57P"))


def reason_of(error: Exception) -> str:
    """What the server said, its first sentence, without what our libraries add; Redis's code in front if it has one."""
    text = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    code = getattr(error, "status_code", None)
    sentence = text.splitlines()[0].partition(". ")[0].strip().rstrip(".")
    return f"{code} {sentence}" if code and code != "ERR" else sentence
