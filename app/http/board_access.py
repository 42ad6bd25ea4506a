"""The board that a request reads, if its caller may see it."""

from __future__ import annotations

from flask import request

from app.domain.boards import BoardView
from app.errors import Forbidden, NotFound, Unauthorized
from app.http.identity import container, identity_of


def board_view(board: str, season: int | None = None) -> BoardView:
    """Return a board in a season. Raises NotFound, also for a board that isn't public unless the caller is an admin."""
    try:
        return container().board_views.view(board, season)
    except NotFound:
        if not is_admin():
            raise
        return container().board_views.view(board, season, with_hidden=True)


def is_admin() -> bool:
    """Return whether the caller is an admin. A caller without a valid token is anyone."""
    authorization = request.headers.get("Authorization")
    if authorization is None:
        return False
    try:
        identity = identity_of(authorization)
        container().sessions.check(identity.player_id, identity.login_id)
    except (Unauthorized, Forbidden):
        return False
    return container().accounts.role(identity.player_id) == "admin"
