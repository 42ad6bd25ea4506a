"""The replies of the servers that mean a refusal to work, and those that mean a mistake of ours."""

from __future__ import annotations

import psycopg.errors
import pytest
import redis.exceptions
import sqlalchemy.exc

from app.stores.unavailability import (
    PARSER,
    UNAVAILABLE,
    RedisRefuses,
    certainly_changed_nothing,
    pg_refuses,
    reason_of,
)

IN_SCRIPT = "ERR Error running script (call to f_0a1b2c): @user_script:7: @user_script: 7: "


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (f"{IN_SCRIPT}-OOM command not allowed when used memory > 'maxmemory'.", "OOM command not allowed"),
        (f"{IN_SCRIPT}-READONLY You can't write against a read only replica.", "READONLY You can't write"),
        (f"{IN_SCRIPT}-MISCONF Errors writing to the AOF file: No space left on device", "MISCONF Errors writing"),
        (f"{IN_SCRIPT}The user executing the script can't run this command or subcommand", "The user executing"),
        (f"{IN_SCRIPT}Unknown Redis command called from Lua script", "Unknown Redis command"),
        ("OOM command not allowed when used memory > 'maxmemory'. script: 0a1b, on @user_script:7.", "OOM command"),
        ("READONLY You can't write against a read only replica. script: 0a1b, on @user_script:7.", "READONLY You"),
        ("NOREPLICAS Not enough good replicas to write.", "NOREPLICAS Not enough good replicas"),
        ("BUSY Redis is busy running a script.", "BUSY Redis is busy"),
        ("NOPERM this user has no permissions to run the 'evalsha' command", "NOPERM this user"),
        ("ERR ACL failure in script: this user has no permissions to run the 'set' command", "ACL failure"),
        ("ERR unknown command `EVALSHA`, with args beginning with: ", "unknown command"),
        ("ERR max number of clients reached", "max number of clients"),
        ("LOADING Redis is loading the dataset in memory", "LOADING Redis is loading"),
        ("MASTERDOWN Link with MASTER is down", "MASTERDOWN Link"),
        ("CLUSTERDOWN The cluster is down", "CLUSTERDOWN The cluster"),
        ("NOAUTH Authentication required.", "NOAUTH Authentication"),
        ("WRONGPASS invalid username-password pair", "WRONGPASS invalid"),
        ("DENIED Redis is running in protected mode", "DENIED Redis"),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE Operation"),
        (f"{IN_SCRIPT}WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE Operation"),
        ("MOVED 1 127.0.0.1:7001", "MOVED"),
    ],
)
def test_redis_refuses(reply: str, reason: str) -> None:
    error = PARSER.parse_error(reply)
    assert isinstance(error, UNAVAILABLE)
    assert reason_of(error).startswith(reason)


@pytest.mark.parametrize(
    "reply",
    [
        "ERR Error running script (call to f_0a1b2c): @user_script:1: attempt to compare nil with number",
        "ERR syntax error",
        "ERR value is not an integer or out of range",
        "NOSCRIPT No matching script. Please use EVAL.",
    ],
)
def test_a_mistake_of_ours_is_no_refusal(reply: str) -> None:
    error = PARSER.parse_error(reply)
    assert not isinstance(error, (*UNAVAILABLE, RedisRefuses))


def test_what_redis_py_has_a_class_for_keeps_it() -> None:
    assert type(PARSER.parse_error("NOSCRIPT No matching script.")) is redis.exceptions.NoScriptError
    assert type(PARSER.parse_error("MOVED 1 127.0.0.1:7001")) is redis.exceptions.MovedError
    assert type(PARSER.parse_error("OOM command not allowed")) is redis.exceptions.OutOfMemoryError


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (psycopg.errors.ReadOnlySqlTransaction, True),
        (psycopg.errors.InsufficientPrivilege, True),
        (psycopg.errors.UndefinedTable, True),
        (psycopg.errors.DiskFull, True),
        (psycopg.errors.TooManyConnections, True),
        (psycopg.errors.IoError, True),
        (psycopg.errors.DataCorrupted, True),
        (psycopg.errors.InvalidSqlStatementName, True),
        (psycopg.errors.UniqueViolation, False),
        (psycopg.errors.CheckViolation, False),
        (psycopg.errors.SyntaxError, False),
        (psycopg.errors.NumericValueOutOfRange, False),
        (psycopg.errors.NotNullViolation, False),
    ],
)
def test_postgresql_refuses_or_we_are_wrong(error: type[psycopg.Error], refused: bool) -> None:
    assert pg_refuses(error("said so")) is refused


def test_a_refusal_has_changed_nothing_and_a_commit_whose_answer_is_lost_may_have() -> None:
    refusal = sqlalchemy.exc.OperationalError("", None, psycopg.errors.ReadOnlySqlTransaction("no"))
    assert certainly_changed_nothing(refusal)
    never_sent = sqlalchemy.exc.OperationalError(None, None, psycopg.OperationalError("connection refused"))
    assert certainly_changed_nothing(never_sent)
    lost_answer = sqlalchemy.exc.OperationalError(
        None, None, psycopg.OperationalError("server closed the connection"), connection_invalidated=True
    )
    assert not certainly_changed_nothing(lost_answer), "a commit is no statement, and may have come through"
