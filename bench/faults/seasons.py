"""The end of a season, as by `flask boards close-season`, within this process: the command takes seconds to start."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from app.containers.container import Container
from app.errors import Conflict
from app.settings import Settings


def end_season(env: Mapping[str, str], board: str) -> None:
    """Let the open season of a board end in two seconds, unless it ends before that anyway."""
    container = Container(Settings.from_env(env))
    try:
        with contextlib.suppress(Conflict):
            container.seasons.end(board, by="drill", request_id="drill")
    finally:
        container.close()
