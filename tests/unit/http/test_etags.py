"""If-None-Match as RFC 9110 has it."""

from __future__ import annotations

import pytest

from app.http.etags import is_known, quoted_tags

TAG = "0a1b2c"


@pytest.mark.parametrize(
    "header",
    [
        '"0a1b2c"',
        'W/"0a1b2c"',
        ' \tW/"0a1b2c" ',
        '"x", "0a1b2c"',
        'W/"x",W/"0a1b2c","y"',
        '"a,b" , "0a1b2c"',
        '"", "0a1b2c"',
        ', ,"0a1b2c",',
        "*",
        " * ",
    ],
)
def test_a_list_that_names_the_tag_knows_it(header: str) -> None:
    assert is_known(header, TAG)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        " ",
        "0a1b2c",
        "W/0a1b2c",
        'w/"0a1b2c"',
        'W/ "0a1b2c"',
        "'0a1b2c'",
        '"0A1B2C"',
        '"0a1b2"',
        '"0a1b2c" x',
        'x"0a1b2c"',
        '"0a1b2c',
        '0a1b2c"',
        '"x0a1b2c"',
        '"0a1b2c""y"',
        "**",
        '*, "x"',
        '"*"',
        "W/*",
    ],
)
def test_whatever_else_does_not(header: str | None) -> None:
    assert not is_known(header, TAG)


@pytest.mark.parametrize(
    ("header", "left"),
    [("*", "*"), ('"a", W/"b"', '"a", W/"b"'), ("a", ""), ('a, "b", W/c', '"b"'), ("", ""), ("*, *", "")],
)
def test_only_tags_in_quotation_marks_are_tags(header: str, left: str) -> None:
    assert quoted_tags(header) == left
