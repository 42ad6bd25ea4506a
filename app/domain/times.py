"""Times as the contract writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d))?", re.ASCII)


def rfc3339(moment: datetime | float) -> str:
    """RFC 3339 in UTC with milliseconds; takes an aware datetime or Unix seconds."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """An RFC 3339 time, or a date, which is its midnight in UTC. Raises ValueError with what is wrong."""
    try:
        read = datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None
        if read is not None:
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # a 31st of June; a time before the year 1
        pass
    raise ValueError("must be a time such as 2026-11-23T10:00:00Z")


def utc(seconds: float) -> datetime:
    """Unix seconds as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)
