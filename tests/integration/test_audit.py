"""The audit log in PostgreSQL: what is in it, and what shows when a superuser has been at it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.container import Container
from app.services.audit import Head
from app.stores.audit import AuditStore


def _fill(container: Container, count: int) -> None:
    for number in range(count):
        container.audit.note("cli:root", "test.act", f"thing:{number}", {"number": number}, "r")


@contextmanager
def _past_the_trigger(container: Container) -> Iterator[sa.Connection]:
    with container.database.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE audit_log DISABLE TRIGGER append_only"))
        yield connection
        connection.execute(sa.text("ALTER TABLE audit_log ENABLE TRIGGER append_only"))


@pytest.mark.parametrize("act", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"])
def test_rows_can_only_be_added(container: Container, act: str) -> None:
    _fill(container, 1)
    with pytest.raises(DBAPIError, match="append-only"), container.database.transaction() as connection:
        connection.execute(sa.text(act))


@pytest.mark.parametrize(
    ("sql", "row", "what"),
    [
        ("UPDATE audit_log SET actor = 'cli:nobody' WHERE id = 3", 3, "changed"),
        ("UPDATE audit_log SET details = '{}' WHERE id = 5", 5, "changed"),
        ("DELETE FROM audit_log WHERE id = 2", 2, "missing"),
        (
            """INSERT INTO audit_log SELECT 6, at, actor, act, subject, details, request_id, hash
               FROM audit_log WHERE id = 1""",
            6,
            "changed",
        ),
        (
            """INSERT INTO audit_log SELECT 0, at, actor, act, subject, details, request_id, hash
               FROM audit_log WHERE id = 1""",
            0,
            "added",
        ),
    ],
    ids=["changed", "changed at the end", "taken out", "added", "added before"],
)
def test_what_a_superuser_did_to_it_is_named(container: Container, sql: str, row: int, what: str) -> None:
    _fill(container, 5)
    assert container.audit.verify().flaws == []
    with _past_the_trigger(container) as connection:
        connection.execute(sa.text(sql))
    assert [(flaw.id, flaw.what) for flaw in container.audit.verify().flaws] == [(row, what)]


def test_a_head_that_was_kept_shows_a_log_that_was_cut_off_or_written_anew(container: Container) -> None:
    _fill(container, 3)
    head = container.audit.verify().head
    _fill(container, 2)
    assert container.audit.verify(head).flaws == []
    with _past_the_trigger(container) as connection:
        connection.execute(sa.text("DELETE FROM audit_log WHERE id > 2"))
    assert container.audit.verify().flaws == [], "which nothing shows without it"
    assert [(flaw.id, flaw.what) for flaw in container.audit.verify(head).flaws] == [(3, "missing")]
    _fill(container, 1)
    assert [(flaw.id, flaw.what) for flaw in container.audit.verify(head).flaws] == [(3, "changed")]
    assert container.audit.verify(Head(9, head.hash)).flaws


def test_an_act_that_is_rolled_back_leaves_no_row_and_no_gap(container: Container) -> None:
    _fill(container, 1)
    with container.database.transaction() as connection:
        AuditStore.append(connection, "cli:root", "test.act", "thing:x", {}, "r")
        connection.rollback()
    _fill(container, 1)
    assert [row.id for row in container.audit.page(limit=9)] == [2, 1]
    assert container.audit.verify().flaws == []


def test_many_at_once_make_one_chain(container: Container, workers: list[Container]) -> None:
    threads = [threading.Thread(target=_fill, args=(each, 10)) for each in [container, *workers]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = container.audit.verify()
    assert (found.rows, found.head.id, found.flaws) == (50, 50, [])


def test_a_suspension_is_in_it_with_what_led_to_it(container: Container) -> None:
    player = container.accounts.create("Mallory", "a good password").id
    container.moderation.suspend(player, "r-1", by="cli:root")
    container.moderation.reinstate(player, "r-2", by="cli:root")
    found = container.audit.page(limit=9, subject=f"player:{player}")
    assert [(row.act, row.actor, row.request_id) for row in found] == [
        ("player.reinstated", "cli:root", "r-2"),
        ("player.suspended", "cli:root", "r-1"),
    ]
    assert container.audit.page(limit=9, subject=f"player:{uuid4()}") == []
