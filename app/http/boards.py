"""The routes of /boards."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response

from app.domain.board_config import BoardConfig
from app.domain.boards import SeasonFacts
from app.domain.times import rfc3339
from app.http.board_access import board_view, may_see_hidden
from app.http.bodies import no_query
from app.http.envelope import answer
from app.http.identity import container
from app.http.limits import RateLimits


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("boards", __name__)

    @routes.get("/boards")
    @limits.reads
    def boards() -> Response:
        no_query()
        return answer([board_data(*facts) for facts in container().board_list.boards(with_hidden=may_see_hidden())])

    @routes.get("/boards/<slug>")
    @limits.reads
    def board(slug: str) -> Response:
        no_query()
        links = {"leaderboard": f"/api/v1/leaderboard/top?board={slug}", "seasons": f"/api/v1/boards/{slug}/seasons"}
        return answer(board_data(*container().board_list.board(board_view(slug))), links=links)

    @routes.get("/boards/<slug>/seasons")
    @limits.reads
    def seasons(slug: str) -> Response:
        no_query()
        facts = container().board_list.seasons(board_view(slug).season.board)
        return answer([season_data(season) for season in facts])

    return routes


def season_data(season: SeasonFacts) -> dict[str, object]:
    """Return a season of a list."""
    return {
        "number": season.number,
        "state": season.state,
        "starts_at": rfc3339(season.starts_at),
        "ends_at": _time(season.ends_at),
        "players": season.players,
        "corrected_at": _time(season.corrected_at),
    }


def board_data(board: BoardConfig, season: SeasonFacts | None) -> dict[str, object]:
    """Return a board with its present season."""
    return {
        "slug": board.slug,
        "name": board.name,
        "scoring": board.scoring,
        "order": board.order,
        "unit": board.unit,
        "decimals": board.decimals,
        "schedule": board.schedule,
        "timezone": board.timezone,
        "starts_at": _time(board.starts_at),
        "ends_at": _time(board.ends_at),
        "segments": board.segments,
        "public": board.public,
        "season": season
        and {"number": season.number, "starts_at": rfc3339(season.starts_at), "ends_at": _time(season.ends_at)},
        "players": season.players if season else 0,
    }


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
