"""Times in the API's format."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d))?", re.ASCII)


def rfc3339(moment: datetime | float) -> str:
    """Return RFC 3339 in UTC with milliseconds; takes an aware datetime or Unix seconds."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """Return the moment of an RFC 3339 time, or of a date (its midnight in UTC). Raises ValueError with the format."""
    try:
        parsed = datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None
        if parsed is not None:
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # a 31st of June; a time before the year 1
        pass
    raise ValueError("must be a time such as 2026-11-23T10:00:00Z")


def utc(seconds: float) -> datetime:
    """Return Unix seconds as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)
