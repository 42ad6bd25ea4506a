"""Results that are entered without an action of the player's: by an operator, or by a game's server."""

from __future__ import annotations

from uuid import UUID, uuid4

from app.domain.action_token import Promise
from app.domain.boards import ActionType, Season
from app.errors import InvalidRequest
from app.services.play.results import BadResult, check_bounds


def entry_promise(player_id: UUID, action_type: ActionType, season: Season, now: float) -> Promise:
    """Return the promise of an action of its own, which was begun and completed now (Unix time)."""
    now_ms = int(now * 1000)
    return Promise(
        action_id=str(uuid4()),
        player_id=str(player_id),
        action_type=action_type.slug,
        action_type_id=action_type.id,
        points=action_type.points or 0,
        board=season.board,
        season_id=season.id,
        season_number=season.number,
        issued_ms=now_ms,
        expires_ms=now_ms,
        result_kind=action_type.result_kind,
    )


def entered_result(result: int | None, action_type: ActionType) -> int:
    """Return the result that counts. Raises InvalidRequest; who enters it is trusted, so nothing is implausible."""
    if action_type.result_kind == "fixed":
        if result is not None:
            raise InvalidRequest.field("result", "is not reported for this action type, whose points are fixed")
        return action_type.points or 0
    if result is None:
        raise InvalidRequest.field("result", "is required for this action type")
    try:
        check_bounds(result, action_type.min_result, action_type.max_result)
    except BadResult as error:
        raise InvalidRequest.field("result", str(error)) from None
    return result
