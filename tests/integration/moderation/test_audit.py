"""The audit log in PostgreSQL: its rows, and the traces of a superuser's changes."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.containers.container import Container
from app.domain.audit import NOTHING, AuditRow, Head, hash_of
from app.services.operations.checks import audit_log
from app.stores.moderation.audit import AuditStore


def _fill(container: Container, count: int) -> None:
    for number in range(count):
        container.audit.note("cli:root", "test.act", f"thing:{number}", {"number": number}, "r")


@contextmanager
def _without_trigger(container: Container) -> Iterator[sa.Connection]:
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
        ("UPDATE audit_log SET at = 'infinity' WHERE id = 3", 3, "changed"),
        ("UPDATE audit_log SET at = '4000-01-01 BC' WHERE id = 3", 3, "changed"),
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
    ids=["changed", "changed at the end", "the end of time", "before all time", "taken out", "added", "added before"],
)
def test_what_a_superuser_did_to_it_is_named(container: Container, sql: str, row: int, what: str) -> None:
    _fill(container, 5)
    assert container.audit.verify().flaws == []
    with _without_trigger(container) as connection:
        connection.execute(sa.text(sql))
    assert [(flaw.id, flaw.kind) for flaw in container.audit.verify().flaws] == [(row, what)]
    assert len(container.audit.page(limit=10)) >= 4


def test_a_head_that_was_kept_shows_a_log_that_was_cut_off_or_written_anew(container: Container) -> None:
    container = _other_process(container, audit_anchors="")
    _fill(container, 3)
    head = container.audit.verify().head
    _fill(container, 2)
    assert container.audit.verify(head).flaws == []
    with _without_trigger(container) as connection:
        connection.execute(sa.text("DELETE FROM audit_log WHERE id > 2"))
    assert container.audit.verify().flaws == [], "which nothing shows without it"
    assert [(flaw.id, flaw.kind) for flaw in container.audit.verify(head).flaws] == [(3, "missing")]
    _fill(container, 1)
    assert [(flaw.id, flaw.kind) for flaw in container.audit.verify(head).flaws] == [(3, "changed")]
    assert container.audit.verify(Head(9, head.hash)).flaws


def test_an_act_that_is_rolled_back_leaves_no_row_and_no_gap(container: Container) -> None:
    _fill(container, 1)
    with container.database.transaction() as connection:
        AuditStore(container.database).append(connection, "cli:root", "test.act", "thing:x", {}, "r")
        connection.rollback()
    _fill(container, 1)
    assert [row.id for row in container.audit.page(limit=9)] == [2, 1]
    assert container.audit.verify().flaws == []


def test_many_at_once_make_one_chain(container: Container, workers: list[Container]) -> None:
    threads = [threading.Thread(target=_fill, args=(worker, 10)) for worker in [container, *workers]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = container.audit.verify()
    assert (report.rows, report.head.id, report.flaws) == (50, 50, [])


def test_a_suspension_is_in_it_with_what_led_to_it(container: Container) -> None:
    player = container.accounts.create("Mallory", "a good password").id
    container.moderation.suspend(player, "r-1", by="cli:root")
    container.moderation.reinstate(player, "r-2", by="cli:root")
    rows = container.audit.page(limit=9, subject=f"player:{player}")
    assert [(row.act, row.actor, row.request_id) for row in rows] == [
        ("player.reinstated", "cli:root", "r-2"),
        ("player.suspended", "cli:root", "r-1"),
    ]
    assert container.audit.page(limit=9, subject=f"player:{uuid4()}") == []


def _other_process(container: Container, **settings: Any) -> Container:
    """Return the container of another process, or of the same one after a restart."""
    return Container(container.settings.model_copy(update=settings))


def _write_anew(connection: sa.Connection, rows: Sequence[AuditRow]) -> None:
    """Replace the log by these rows, with a chain that fits."""
    connection.execute(sa.text("DELETE FROM audit_log"))
    before = NOTHING
    for number, row in enumerate(rows, 1):
        whole = replace(row, id=number, hash="")
        whole = replace(whole, hash=hash_of(before, whole))
        before = whole.hash
        values = ":id, :at, :actor, :act, :subject, :details, :request_id, :hash"
        connection.execute(sa.text(f"INSERT INTO audit_log VALUES ({values})"), asdict(whole))


Attack = Callable[[sa.Connection, list[AuditRow]], None]


def _cut_off(connection: sa.Connection, rows: list[AuditRow]) -> None:
    connection.execute(sa.text("DELETE FROM audit_log WHERE id > 3"))


def _emptied(connection: sa.Connection, rows: list[AuditRow]) -> None:
    connection.execute(sa.text("DELETE FROM audit_log"))


def _rechained(connection: sa.Connection, rows: list[AuditRow]) -> None:
    _write_anew(connection, [*rows[:3], replace(rows[3], actor="cli:nobody"), *rows[4:]])


def _back_dated(connection: sa.Connection, rows: list[AuditRow]) -> None:
    _write_anew(connection, [*rows[:3], replace(rows[3], act="thing.forged"), *rows[3:]])


def _one_of_many_taken_out(connection: sa.Connection, rows: list[AuditRow]) -> None:
    _write_anew(connection, [*rows[:3], *rows[4:]])


ATTACKS = [_cut_off, _emptied, _rechained, _back_dated, _one_of_many_taken_out]


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_databases_owner_does_to_the_end_shows(
    container: Container, attack: Attack, log_text: io.StringIO
) -> None:
    _fill(container, 5)
    forgetful = _other_process(container, audit_anchors="")
    forgetful.audit.check()
    rows = sorted(container.audit.page(limit=9), key=lambda row: row.id)
    with _without_trigger(container) as connection:
        attack(connection, rows)
    first = 1 if attack is _emptied else 4
    flaw = _other_process(container).audit.verify().flaws[0]
    assert flaw.id == first
    newest = rows[-1] if flaw.kind == "missing" else rows[3]
    assert f"{newest.id}:{newest.hash}" in flaw.says, "what was expected"
    for process in (container, forgetful, _other_process(container)):
        assert process.audit.check().flaw, "memory, and the file after a restart"
        broken = [reading.value for reading in process.readings.now() if reading.name == "fairboard_audit_broken"]
        assert broken == [1.0]
    assert audit_log(_other_process(container).audit.check(), container.settings.audit_anchors).state == "wrong"
    _fill(forgetful, 1)
    assert "audit_log_broken" in log_text.getvalue(), "the next act of a process that remembers says so"
    assert container.audit.verify().flaws, "acts that follow do not cover it"


def test_each_new_head_is_in_the_log_the_file_and_a_metric(container: Container, log_text: io.StringIO) -> None:
    _fill(container, 2)
    head = container.audit.verify().head
    assert [line for line in log_text.getvalue().splitlines() if "audit_head" in line and head.hash in line]
    path = Path(container.settings.audit_anchors)
    assert path.read_text().splitlines()[-1].endswith(str(head))
    assert path.stat().st_mode & 0o777 == 0o600
    readings = {reading.name: reading.value for reading in container.readings.now()}
    assert readings["fairboard_audit_head_id"] == 2
    assert readings["fairboard_audit_head_hash"] == int(head.hash[:13], 16)
    assert readings["fairboard_audit_broken"] == 0


def test_an_act_that_is_rolled_back_is_anchored_and_logged_nowhere(container: Container, log_text: io.StringIO) -> None:
    _fill(container, 1)
    assert log_text.getvalue().count("audited") == 1
    with container.database.transaction() as connection:
        AuditStore(container.database).append(connection, "cli:root", "test.act", "thing:x", {}, "r")
        connection.rollback()
    assert log_text.getvalue().count("audited") == 1
    assert len(Path(container.settings.audit_anchors).read_text().splitlines()) == 1
    assert container.audit.check().flaw is None


def test_a_restore_is_accepted_with_a_reason_that_stands_in_the_log(container: Container) -> None:
    _fill(container, 5)
    remembers = _other_process(container)
    remembers.audit.check()
    with _without_trigger(container) as connection:
        _cut_off(connection, [])
    assert _other_process(container).audit.accept("cli:root", "restored the backup of Monday", "r")
    assert container.audit.verify().flaws == []
    for process in (container, remembers, _other_process(container)):
        assert process.audit.check().flaw is None, "running processes learn of it from the file"
    (row,) = container.audit.page(limit=1)
    assert (row.act, row.actor) == ("audit.accepted", "cli:root")
    assert "restored the backup of Monday" in row.details
    assert "row 5 was recorded as 5:" in row.details
    _fill(container, 1)
    with _without_trigger(container) as connection:
        connection.execute(sa.text("DELETE FROM audit_log WHERE id > 4"))
    assert [flaw.id for flaw in container.audit.verify().flaws] == [5], "what comes after it is anchored as before"


def test_the_file_may_be_missing_moved_or_on_a_full_disk_and_no_act_fails(container: Container, tmp_path: Path) -> None:
    path = Path(container.settings.audit_anchors)
    _fill(container, 1)
    path.rename(tmp_path / "moved")
    moved = audit_log(_other_process(container, audit_anchors=str(tmp_path / "new")).audit.check(), str(path))
    assert moved.state == "note", "the doctor says that there was nothing to compare with"
    _fill(container, 1)
    assert len(path.read_text().splitlines()) == 1, "the next head begins another file"
    with _without_trigger(container) as connection:
        _emptied(connection, [])
    assert container.audit.check().flaw, "a file that was moved away makes nothing forgotten"
    for place in ("/dev/full", str(tmp_path), "/proc/nowhere/anchors"):
        process = _other_process(container, audit_anchors=place)
        _fill(process, 1)
        assert process.audit.check().flaw is None


def test_an_edited_file_does_not_pass(container: Container) -> None:
    _fill(container, 3)
    path = Path(container.settings.audit_anchors)
    lines = path.read_text().splitlines(keepends=True)
    altered = f"{lines[1][:-2]}{'0' if lines[1][-2] != '0' else '1'}\n"
    for edit in (altered, "nonsense\n", "2026-11-26T00:00:00.000Z head 2:abc\n", "\n", "\xff\x00\n"):
        path.write_text("".join([lines[0], edit, lines[2]]))
        assert container.audit.verify().flaws, edit
    path.write_text("".join(lines))
    assert container.audit.verify().flaws == []


def test_heads_of_many_processes_interleave(container: Container) -> None:
    processes = [_other_process(container) for _ in range(4)]
    threads = [threading.Thread(target=_fill, args=(process, 10)) for process in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = container.audit.verify()
    assert (report.rows, report.flaws) == (40, [])
    assert 1 <= report.anchors <= 40
    assert all(process.audit.check().flaw is None for process in processes)
