from __future__ import annotations

from uuid import UUID

import pytest

from app.domain.id_prefixes import id_range, is_too_short

ID = "cb4365b6-a339-4be1-b105-cd2889efee5e"


@pytest.mark.parametrize("length", [4, 8, 9, 12, 13, 14, 18, 19, 23, 24, 35])
def test_each_beginning_of_an_id_is_a_range_with_the_id(length: int) -> None:
    ids = id_range(ID[:length].upper())
    assert ids is not None
    assert ids.first < UUID(ID) < ids.last
    outside = UUID(int=ids.last.int + 1)
    assert not str(outside).startswith(ID[:length].rstrip("-"))


def test_a_whole_id_is_a_range_of_one() -> None:
    for text in (ID, ID.replace("-", "")):
        ids = id_range(text)
        assert ids is not None
        assert ids.first == ids.last == UUID(ID)


@pytest.mark.parametrize(
    "text",
    ["", "cb4", "anna", "cb43-", "cb4365b-6", "cb4365b6--", "cb4365b6-a339-4be1b", f"{ID}0", "%b43"],
)
def test_what_is_no_beginning_is_no_range(text: str) -> None:
    assert id_range(text) is None


def test_beside_names_more_digits_are_needed() -> None:
    assert id_range("facade", 8) is None
    assert id_range("facade12", 8) is not None


@pytest.mark.parametrize(
    ("text", "least", "short"),
    [
        ("cb4", 4, True),
        ("CB4", 4, True),
        ("cb43", 4, False),
        ("cb43", 8, True),
        ("cb4365b6-", 8, False),
        ("anna", 8, False),
        ("", 4, False),
    ],
)
def test_a_beginning_may_be_too_short(text: str, least: int, short: bool) -> None:
    assert is_too_short(text, least) is short
