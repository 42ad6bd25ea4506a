"""The board that a request reads, if its caller may see it."""

from __future__ import annotations

from flask import g, request

from app.domain.api_keys import KeyCaller
from app.domain.boards import BoardView
from app.errors import Forbidden, NotFound, Unauthorized
from app.http.api_keys import presented_key
from app.http.identity import container, identity_of


def board_view(board: str, season: int | None = None) -> BoardView:
    """Return a board in a season. Raises NotFound, also for a board that isn't public unless the caller may see it."""
    try:
        return container().board_views.view(board, season)
    except NotFound:
        if not may_see_hidden():
            raise
        return container().board_views.view(board, season, with_hidden=True)


def may_see_hidden() -> bool:
    """Return whether the caller is an admin, or a key with `read`. A caller without a valid token is anyone.

    Call it in a view with a limit of reads, which has proved the key.
    """
    authorization = request.headers.get("Authorization")
    if authorization is None:
        return False
    if presented_key(authorization) is not None:
        key: KeyCaller | None = g.get("api_key")
        return key is not None and key.may("read")
    try:
        identity = identity_of(authorization)
        container().sessions.check(identity.player_id, identity.login_id)
    except (Unauthorized, Forbidden):
        return False
    return container().accounts.role(identity.player_id) == "admin"
