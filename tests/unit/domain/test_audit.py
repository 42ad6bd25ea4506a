"""Every change, addition or removal of a row of the audit log is detected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.domain.audit import NOTHING, AuditRow, canonical, flaws, hash_of

START = datetime(2026, 1, 1, tzinfo=UTC)


def _chain(texts: Sequence[str]) -> list[AuditRow]:
    rows: list[AuditRow] = []
    for number, text in enumerate(texts, 1):
        row = AuditRow(number, START + timedelta(seconds=number), "cli:a", "act", text, canonical({"x": text}), "r", "")
        rows.append(replace(row, hash=hash_of(rows[-1].hash if rows else NOTHING, row)))
    return rows


def test_times_in_details_are_those_of_the_api() -> None:
    text = canonical({"since": START, "player_id": UUID(int=1)})
    assert text == '{"player_id":"00000000-0000-0000-0000-000000000001","since":"2026-01-01T00:00:00.000Z"}'


chains = st.lists(st.text(max_size=5), min_size=1, max_size=8).map(_chain)


@given(chains)
def test_what_nobody_touched_has_no_flaw(rows: list[AuditRow]) -> None:
    assert list(flaws(rows)) == []


@given(chains, st.data())
def test_a_changed_row_is_named(rows: list[AuditRow], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    field = data.draw(st.sampled_from(["actor", "act", "subject", "details", "request_id", "at"]))
    old: Any = getattr(rows[at], field)
    new: Any = old + timedelta(microseconds=1) if field == "at" else f"{old}!"
    rows[at] = replace(rows[at], **{field: new})
    assert [(flaw.id, flaw.kind) for flaw in flaws(rows)] == [(at + 1, "changed")]


@given(chains, st.data())
def test_a_row_that_was_written_anew_with_its_hash_is_named_by_the_next(
    rows: list[AuditRow], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    forged = replace(rows[at], subject="somebody else's")
    rows[at] = replace(forged, hash=hash_of(rows[at - 1].hash if at else NOTHING, forged))
    named = [flaw.says for flaw in flaws(rows)]
    assert len(named) == (at < len(rows) - 1), "the last one alone goes unseen: heads are for that"
    assert all(f"row {at + 1} was rewritten" in says for says in named)


@given(chains, st.data())
def test_rows_that_were_taken_out_are_named(rows: list[AuditRow], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(rows) - 1))
    last = data.draw(st.integers(first, len(rows) - 1))
    remaining = rows[:first] + rows[last + 1 :]
    detected = [(flaw.id, flaw.kind) for flaw in flaws(remaining)]
    assert detected == ([(first + 1, "missing")] if last < len(rows) - 1 else [])


@given(chains, st.integers(-3, 9))
def test_a_row_that_was_put_in_is_named(rows: list[AuditRow], number: int) -> None:
    stranger = AuditRow(number, START, "cli:b", "act", "s", "{}", "r", "0" * 64)
    other_rows = [row for row in rows if row.id != number]
    detected = list(flaws(sorted([*other_rows, stranger], key=lambda row: row.id)))
    assert detected


def test_parts_can_not_move_from_one_field_into_the_next() -> None:
    row = _chain(["a"])[0]
    moved = replace(row, actor=row.actor + row.act, act="")
    assert hash_of(NOTHING, moved) != row.hash
