"""The comparison of `flask leaderboard verify`, for every board, within this process: the command takes seconds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from app.containers.container import Container
from app.errors import Refusal
from app.services.boards.comparison import MOST
from app.services.operations.error_messages import BROKEN
from app.settings import Settings

NOT_NOW: tuple[type[Exception], ...] = (*BROKEN, Refusal)
"""The errors that it raises while a server does not answer."""


def differences(env: Mapping[str, str]) -> list[Mapping[str, object]]:
    """Return the differences between Redis and the standings, and between the standings and the ledger.

    The list is empty exactly when the command would exit with 0 for every board. Raises one of NOT_NOW when a server
    does not answer. `env` is that of the product; every call has connections of its own, so that none is from before
    a fault.
    """
    container = Container(Settings.from_env(env))
    try:
        return differences_in(container)
    finally:
        container.close()


def differences_in(container: Container) -> list[Mapping[str, object]]:
    """Return the same, with the connections of an existing container."""
    redis_differences = [
        {"board": season.board, **difference}
        for season in container.catalog.mirrored_seasons()
        for difference in container.board_sync.verify(season, pause=1.0)
    ]
    return [*redis_differences, *itertools.islice(container.corrections.find_unsound(), MOST)]
