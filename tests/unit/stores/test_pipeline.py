"""Statements that a pipeline executes: one placeholder for each name, and every value as text."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from app.stores.postgres.pipeline import PreparedStatement


def test_a_name_has_one_placeholder_wherever_it_stands() -> None:
    statement = PreparedStatement("SELECT %(b)s::int, %(a)s, %(b)s")
    assert statement.query == b"SELECT $1::int, $2, $1"
    assert statement.parameters({"a": "é", "b": -3, "c": "not used"}) == [b"-3", "é".encode()]


def test_values_are_texts_that_postgresql_reads() -> None:
    statement = PreparedStatement("SELECT %(at)s, %(nothing)s")
    at = datetime(2026, 11, 27, 12, 0, 0, 500, tzinfo=UTC)
    assert statement.parameters({"at": at, "nothing": None}) == [b"2026-11-27T12:00:00.000500+00:00", None]


@pytest.mark.parametrize("value", ["a\0b", True, 1.5, b"bytes"])
def test_a_value_without_a_text_is_an_error_before_anything_is_sent(value: object) -> None:
    with pytest.raises(psycopg.DataError):
        PreparedStatement("SELECT %(value)s").parameters({"value": value})
