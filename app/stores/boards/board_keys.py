"""The names of a board's keys in Redis: all of a season have its hash tag, and lie on one node of a cluster."""

from __future__ import annotations

from app.domain.boards import Season


def board_key(name: str, season: Season) -> str:
    """Return the name of this key of the season."""
    return f"leaderboard:{name}:{{{season.tag}}}"
