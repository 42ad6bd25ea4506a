"""JSON as a request body may have it."""

from __future__ import annotations

import math

import pytest

from app.domain.json_text import parse
from app.errors import InvalidRequest, MalformedJson
from tests.parts.refusals import bad_fields


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b'{"a": 1, "a": 1}', ["a"]),
        (b'{"a": 1, "b": 2, "b": 3, "a": 4, "a": 5}', ["a", "b"]),
        (b'{"list": [{"deep": {"x": 1, "x": 2}}]}', ["x"]),
        (b'{"\\u0061": 1, "a": 2}', ["a"]),
        (b'{"": 1, "": 2}', [""]),
        (b'[{"a": 1, "a": 1}]', ["a"]),
    ],
)
def test_a_field_that_an_object_has_twice_is_named(text: bytes, names: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(text)
    assert bad_fields(refused.value) == names


def test_objects_beside_each_other_may_have_the_same_fields() -> None:
    assert parse(b'[{"a": 1}, {"a": {"a": 2}}]') == [{"a": 1}, {"a": {"a": 2}}]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"NaN",
        b"-Infinity",
        b"[" * 100_000,
        b'{"a":' * 5_000,
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        '{"a": "é"}'.encode("latin-1"),
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\x00"}',
        b"{} {}",
        b"01",
    ],
)
def test_what_is_no_json_in_utf_8_is_malformed(text: bytes) -> None:
    with pytest.raises(MalformedJson):
        parse(text)


def test_a_number_that_is_too_large_is_infinite_and_no_error() -> None:
    assert parse(b"[1e999, -1e999]") == [math.inf, -math.inf]
    assert parse(b"[" + b"9" * 10_000 + b", -" + b"9" * 10_000 + b"]") == [math.inf, -math.inf]
    assert parse(b"9" * 400) == int("9" * 400)
