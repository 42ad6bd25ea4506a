"""A transaction that lost a deadlock is repeated."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from app.containers.container import Container

_CONFLICT = "DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '{}'; END $$"


@pytest.mark.parametrize("state", ["40P01", "40001"])
def test_one_side_of_a_deadlock_is_repeated_a_few_times(container: Container, state: str) -> None:
    calls: list[int] = []

    def work(connection: sa.Connection) -> str:
        calls.append(len(calls))
        connection.execute(sa.text("UPDATE boards SET unit = unit || 'x'"))
        if len(calls) <= conflicts:
            connection.exec_driver_sql(_CONFLICT.format(state))
        return "done"

    conflicts = 3
    assert container.database.run(work) == "done"
    assert (len(calls), container.database.rows("SELECT unit FROM boards")[0].unit) == (4, "x")
    calls, conflicts = [], 100
    with pytest.raises(OperationalError):
        container.database.run(work)
    assert (len(calls), container.database.rows("SELECT unit FROM boards")[0].unit) == (4, "x")


def test_no_other_error_is_repeated(container: Container) -> None:
    calls: list[int] = []

    def work(connection: sa.Connection) -> None:
        calls.append(len(calls))
        connection.exec_driver_sql(_CONFLICT.format("57014"))

    with pytest.raises(OperationalError) as failure:
        container.database.run(work)
    assert isinstance(failure.value.orig, psycopg.errors.QueryCanceled)
    assert len(calls) == 1
