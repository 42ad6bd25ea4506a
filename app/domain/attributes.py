"""Attributes of players, such as their country, and the segments of boards that they make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MOST_ATTRIBUTES = 16
MOST_CHARACTERS = 64
_NAME = re.compile(rf"[A-Za-z][A-Za-z0-9_.-]{{0,{MOST_CHARACTERS - 1}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Segment:
    """The players of a board whose attribute `name` has this value."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}:{self.value}"


def segment_of(text: str) -> Segment:
    """Return the segment that `name:value` names. Raises ValueError with the rule."""
    name, colon, value = text.partition(":")
    if not colon or not value or not name:
        raise ValueError("must be an attribute and its value, such as country:JP")
    if len(value) > MOST_CHARACTERS:
        raise ValueError(f"has a value of more than {MOST_CHARACTERS} characters, which no attribute has")
    return Segment(name, value)


def check_name(name: str) -> str:
    """Return the name of an attribute. Raises ValueError with the rule."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"a name must have 1 to {MOST_CHARACTERS} letters, digits and -_. and begin with a letter")
    return name


def check_value(value: str) -> str:
    """Return the value of an attribute. Raises ValueError with the rule."""
    if not 1 <= len(value) <= MOST_CHARACTERS or not value.isprintable():
        raise ValueError(f"a value must have 1 to {MOST_CHARACTERS} printable characters")
    return value


def changed(attributes: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return the attributes after the changes, where None removes one. Raises ValueError for more than allowed."""
    merged = {name: value for name, value in {**attributes, **changes}.items() if value is not None}
    if len(merged) > MOST_ATTRIBUTES:
        raise ValueError(f"may be at most {MOST_ATTRIBUTES} for each player; these would be {len(merged)}")
    return merged
