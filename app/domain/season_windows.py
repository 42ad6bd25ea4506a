"""The seasons with which a board begins, and the window of the season that comes next."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from app.domain.board_config import BoardConfig
from app.domain.schedules import Window, windows

MOST_SEASONS = 1000
"""The seasons that a new board may have in the past."""


def first_windows(config: BoardConfig, now: datetime) -> list[Window]:
    """Return the seasons of a new board that have begun, and the next one, if any.

    Without `starts_at` a scheduled board begins with the season that is open now. At most MOST_SEASONS + 1 are made.
    """
    starts_at = config.starts_at or _present_start(config, now)
    first: list[Window] = []
    for window in islice(windows(config.parsed_schedule(), starts_at, config.ends_at), MOST_SEASONS + 1):
        first.append(window)
        if window.starts_at > now:
            break
    return first


def has_whole_past(config: BoardConfig) -> bool:
    """Return whether the first season of a new board also has all events from before its start."""
    return config.starts_at is None and config.schedule is None


def _present_start(config: BoardConfig, now: datetime) -> datetime:
    schedule = config.parsed_schedule()
    return (schedule.last(now) if schedule else None) or now
