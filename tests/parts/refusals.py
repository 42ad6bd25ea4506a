"""Reading refusals."""

from __future__ import annotations

from app.errors import Refusal


def bad_fields(refusal: Refusal) -> list[str]:
    """Return the names of the fields that the refusal is about."""
    assert isinstance(refusal.details, list)
    return [problem["field"] for problem in refusal.details]
