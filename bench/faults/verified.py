"""The comparison of `flask leaderboard verify` within this process: the command takes two seconds to start."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from app.containers.container import Container
from app.domain.boards import MAIN
from app.errors import Refusal
from app.services.boards.comparison import MOST
from app.services.operations.error_messages import BROKEN
from app.settings import Settings

NOT_NOW: tuple[type[Exception], ...] = (*BROKEN, Refusal)
"""The errors that it raises while a server does not answer."""


def differences(env: Mapping[str, str]) -> list[Mapping[str, object]]:
    """Return the differences between Redis and the standings, and between the standings and the ledger.

    The list is empty exactly when the command would exit with 0. Raises one of NOT_NOW when a server does not answer.
    `env` is that of the product; every call has connections of its own, so that none is from before a fault.
    """
    container = Container(Settings.from_env(env))
    try:
        return differences_in(container)
    finally:
        container.close()


def differences_in(container: Container) -> list[Mapping[str, object]]:
    """Return the same, with the connections of an existing container."""
    season = container.standings.season(MAIN)
    redis_differences = container.board_sync.verify(season, pause=1.0)
    unsound = (item for item in container.corrections.find_unsound() if item["board"] == season.board)
    return [*redis_differences, *itertools.islice(unsound, MOST)]
