"""The route by which operators enter results of trusted action types, for admins and their keys."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response
from pydantic import BeforeValidator, Field

from app.domain.boards import MAX_SCORE
from app.domain.player_names import PlayerName
from app.http.admin_names import player_of
from app.http.bodies import Strict, body, checked_metadata
from app.http.completions import change_data
from app.http.envelope import answer, plain, request_id
from app.http.identity import actor, container, operated
from app.http.limits import RateLimits


class EnteredResult(Strict):
    """The body of `POST /admin/players/{id}/scores`."""

    action_type: str
    result: Annotated[int, Field(ge=-MAX_SCORE, le=MAX_SCORE)]
    metadata: Annotated[dict[str, object] | None, BeforeValidator(checked_metadata)] = None
    dry_run: bool = False


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the route with its limit."""
    routes = Blueprint("admin_scores", __name__)

    @routes.post("/admin/players/<player:name>/scores")
    @operated(limits)
    def enter_score(name: PlayerName) -> Response:
        params, player = body(EnteredResult), player_of(name)
        entered = container().operator_scores.enter(
            player.id,
            params.action_type,
            params.result,
            params.metadata,
            by=actor(),
            request_id=request_id(),
            dry_run=params.dry_run,
        )
        data = {
            "action_id": None if params.dry_run else entered.action_id,
            "user_id": player.id,
            "result": entered.result,
            "standings": [change_data(change) for change in entered.changes],
            "dry_run": params.dry_run,
        }
        return answer(plain(data), links={"player": f"/api/v1/admin/players/{player.id}"})

    return routes
