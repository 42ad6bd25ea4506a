"""Times of the database that lie ahead: they are from before the clock was set back."""

from __future__ import annotations

CLOCKS_DIFFER = 60.0
"""The seconds by which the clocks of servers may differ: only a time further ahead is from before a step back."""


def past(time: str) -> str:
    """Return the SQL of a time, null for one that lies ahead: everything that happens now is later than it."""
    return f"CASE WHEN {time} <= now() + interval '{CLOCKS_DIFFER:.0f} s' THEN {time} END"
