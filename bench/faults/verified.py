"""What `flask leaderboard verify` compares, within this process: a command of its own takes two seconds to start."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from app.containers.container import Container
from app.domain.boards import MAIN
from app.errors import Refusal
from app.services.boards.comparison import MOST
from app.services.operations.error_messages import BROKEN
from app.settings import Settings

NOT_NOW: tuple[type[Exception], ...] = (*BROKEN, Refusal)
"""What it raises while a server does not answer."""


def differences(env: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what Redis has otherwise than the standings, and the standings otherwise than the ledger.

    Empty exactly when the command would exit with 0. One of NOT_NOW when a server does not answer. `env` is that of the
    product; every call has connections of its own, so that none is from before a fault.
    """
    container = Container(Settings.from_env(env))
    try:
        return found_by(container)
    finally:
        container.close()


def found_by(container: Container) -> list[dict[str, Any]]:
    """Return the same, with the connections of services that there are."""
    season = container.standings.season(MAIN)
    found = container.refresh.verify(season, pause=1.0)
    unsound = (item for item in container.corrections.unsound() if item["board"] == season.board)
    return found + list(itertools.islice(unsound, MOST))
