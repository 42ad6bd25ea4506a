"""Beginnings of ids, as people type them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

LEAST = 4
"""The fewest hexadecimal digits of an id that are looked up."""
LEAST_BESIDE_NAMES = 8
"""The fewest where a name is accepted too: a mistyped name must not be taken for the id of a stranger."""

IdKind = Literal["user", "case", "correction", "key", "webhook", "delivery"]

_DIGITS = 32
_FORM = re.compile(r"[0-9a-f]{1,32}|[0-9a-f]{8}-[0-9a-f-]{0,27}")


@dataclass(frozen=True, slots=True)
class IdRange:
    """The ids that begin with some text: from `first` to `last`, both included."""

    first: UUID
    last: UUID


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row with an id in a range, and words by which a person knows it."""

    id: UUID
    label: str


class AmbiguousId(Exception):
    """More than one id begins so. `candidates` are the first of them; with `has_more` there are more."""

    def __init__(self, kind: IdKind, text: str, candidates: list[Candidate], *, has_more: bool) -> None:
        super().__init__(f"More than one {kind} has an id that begins with {text}.")
        self.candidates, self.has_more = candidates, has_more


def id_range(text: str, least: int = LEAST) -> IdRange | None:
    """Return the ids that begin with the text, in any case and with or without hyphens.

    None if it is no beginning of at least `least` digits.
    """
    text = text.lower()
    digits = text.replace("-", "")
    if not _FORM.fullmatch(text) or len(digits) < least:
        return None
    if "-" in text and not _with_hyphens(digits).startswith(text):
        return None
    return IdRange(UUID(digits.ljust(_DIGITS, "0")), UUID(digits.ljust(_DIGITS, "f")))


def is_too_short(text: str, least: int = LEAST) -> bool:
    """Return whether the text would be the beginning of an id if it had at least `least` digits."""
    return bool(_FORM.fullmatch(text.lower())) and len(text.replace("-", "")) < least


def _with_hyphens(digits: str) -> str:
    """Return the digits as an id has them, with a hyphen at the end where one follows."""
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return "-".join(parts) if len(digits) == _DIGITS else "-".join(part for part in parts if part) + "-"
