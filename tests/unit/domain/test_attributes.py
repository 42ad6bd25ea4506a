"""Names and values of attributes, and the segments that they name."""

from __future__ import annotations

import pytest

from app.domain.attributes import MOST_ATTRIBUTES, Segment, changed, check_name, check_value, segment_of


def test_a_segment_is_a_name_and_a_value_that_may_have_colons() -> None:
    assert segment_of("country:JP") == Segment("country", "JP")
    assert segment_of("clan:a:b") == Segment("clan", "a:b")
    assert str(segment_of("clan:a:b")) == "clan:a:b"


@pytest.mark.parametrize("text", ["", ":", "country", "country:", ":JP"])
def test_a_text_without_name_or_value_is_no_segment(text: str) -> None:
    with pytest.raises(ValueError, match="such as country:JP"):
        segment_of(text)


def test_a_value_that_no_attribute_can_have_makes_no_segment() -> None:
    assert segment_of("country:" + "x" * 64).value == "x" * 64
    with pytest.raises(ValueError, match="more than 64 characters"):
        segment_of("country:" + "x" * 65)


@pytest.mark.parametrize("name", ["", "1st", "a b", "a:b", "a=b", "é", "x" * 65, "a\n"])
def test_a_name_is_plain(name: str) -> None:
    with pytest.raises(ValueError, match="must have 1 to 64"):
        check_name(name)


@pytest.mark.parametrize("value", ["", "x" * 65, "a\nb", "\0", "\ud800"])
def test_a_value_is_printable(value: str) -> None:
    with pytest.raises(ValueError, match="must have 1 to 64"):
        check_value(value)


def test_names_and_values_may_have_64_characters() -> None:
    assert check_name("x" * 64)
    assert check_value("東京 " * 21)


def test_changes_are_merged_and_none_removes() -> None:
    assert changed({"country": "JP", "clan": "a"}, {"country": "BR", "clan": None}) == {"country": "BR"}
    full = {f"a{number}": "x" for number in range(MOST_ATTRIBUTES)}
    assert changed(full, {"a0": None, "more": "x"})
    with pytest.raises(ValueError, match="at most 16"):
        changed(full, {"more": "x"})
