"""The reason that a person gives for an act."""

from __future__ import annotations

from app.domain.cases import check_reason
from app.errors import InvalidRequest


def checked_reason(reason: str) -> str:
    """Return the reason itself. Raises InvalidRequest."""
    try:
        return check_reason(reason)
    except ValueError as error:
        raise InvalidRequest.field("reason", str(error)) from None
