"""The routes of /players."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response

from app.domain.player_names import PlayerName
from app.domain.times import rfc3339
from app.errors import InvalidRequest
from app.http.board_access import board_view
from app.http.board_queries import HistoryQuery
from app.http.bodies import no_query, query
from app.http.envelope import answer
from app.http.identity import container
from app.http.limits import RateLimits
from app.http.player_paths import resolve
from app.services.boards.player_pages import BoardStanding
from app.stores.boards.histories import HistoryRow


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("players", __name__)

    @routes.get("/players/<player:name>")
    @limits.reads
    def show(name: PlayerName) -> Response:
        no_query()
        user_id = resolve(name)
        page = container().player_pages.page(user_id)
        data = {
            "user_id": str(page.player.id),
            "username": page.player.username,
            "joined_at": rfc3339(page.player.created_at),
            "attributes": page.attributes,
            "standings": [_standing(row) for row in page.standings],
        }
        return answer(data, links={"history": f"/api/v1/players/{user_id}/history"})

    @routes.get("/players/<player:name>/history")
    @limits.reads
    def history(name: PlayerName) -> Response:
        params = query(HistoryQuery)
        user_id = resolve(name)
        season = board_view(params.board, params.season).season
        scope, before = ("history", user_id, season.board, season.number), None
        if params.after is not None:
            try:
                (before,) = container().cursors.read(scope, params.after)
            except ValueError:
                raise InvalidRequest.field("after", "is not a cursor of this history") from None
        rows = container().player_pages.history(user_id, season, params.limit + 1, before)
        links = None
        if len(rows) > params.limit:
            cursor = container().cursors.write(scope, rows[params.limit - 1].id)
            values = {"board": season.board, "season": season.number, "limit": params.limit, "after": cursor}
            links = {"next": f"/api/v1/players/{user_id}/history?{urlencode(values)}"}
        return answer([_event(row) for row in rows[: params.limit]], links=links)

    return routes


def _standing(row: BoardStanding) -> dict[str, object]:
    standing = row.standing.as_row()
    return {
        "board": row.season.board,
        "season": row.season.number,
        **standing,
        "percentile": row.percentile,
        "total": row.total,
    }


def _event(row: HistoryRow) -> dict[str, object]:
    return {
        "score": row.score,
        "result": row.result,
        "achieved_at": rfc3339(row.achieved_at),
        "action_type": row.action_type,
        "metadata": row.metadata,
    }
