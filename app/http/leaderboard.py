"""The routes of /leaderboard."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from app import metrics
from app.domain.attributes import Segment
from app.domain.boards import BoardView, Season, Standing, StandingRow
from app.domain.cursors import Place
from app.domain.player_names import PlayerName
from app.errors import InvalidRequest, NotFound
from app.http.board_access import board_view
from app.http.board_queries import AroundQuery, BoardQuery, Lookup, OwnQuery, SeasonQuery, TopQuery
from app.http.bodies import body, query
from app.http.envelope import answer, answer_text, empty
from app.http.etags import is_known
from app.http.identity import container, me, signed_in
from app.http.limits import RateLimits
from app.http.player_paths import resolve, resolve_known
from app.http.top_reads import EXPIRES, RenderedTop, TopReads, rendered_top
from app.services.boards.board_pages import Surroundings
from app.services.boards.board_views import segment_in

_TOP = "/api/v1/leaderboard/top"


def blueprint(limits: RateLimits, top_reads: TopReads) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("leaderboard", __name__)

    @routes.get("/leaderboard/top")
    @limits.reads
    def top() -> Response:
        params = query(TopQuery)
        view = board_view(params.board, params.season)
        if not view.is_open or not view.is_public or params.segment is not None or params.after is not None:
            return _page(view, params)
        try:
            ranking = container().standings.top(params.board, params.limit)
        except NotFound:  # the season has just ended
            return _page(view, params)
        if params.season not in (None, ranking.season.number):
            return _page(view, params)
        shown_top = rendered_top(ranking.rows, ranking.end.total, _next(ranking.season, params, ranking.end.last))
        response = _render(shown_top, is_hit=ranking.hit)
        response.headers[EXPIRES] = f"@{ranking.second}"
        metrics.top_reads.labels("hit" if ranking.hit else "miss").inc()
        top_reads.store(request.query_string.decode("latin-1"), shown_top, ranking.second)
        return response

    @routes.get("/leaderboard/online")
    @limits.reads
    def online() -> Response:
        return answer({"online": container().presence.online(board_view(query(BoardQuery).board).season.board)})

    @routes.get("/leaderboard/me")
    @signed_in()
    @limits.reads
    def mine() -> Response:
        params = query(OwnQuery)
        view = board_view(params.board, params.season)
        segment = segment_in(view, params.segment)
        standing, above, below = container().board_pages.own(view.season, me().player_id, params.around, segment)
        data = {"standing": standing.as_row(), "above": _rows(above), "below": _rows(below)}
        return answer(data, links={"leaderboard": _TOP})

    @routes.get("/leaderboard/around")
    @limits.reads
    def around() -> Response:
        params = query(AroundQuery)
        params.check_selector()
        view = board_view(params.board, params.season)
        surroundings = _surroundings(view, params)
        total = container().board_pages.total(view.season, segment_in(view, params.segment))
        data = {"rank": surroundings.rank, "above": _rows(surroundings.above), "below": _rows(surroundings.below)}
        return answer(data, total=total)

    @routes.post("/leaderboard/lookup")
    @limits.reads
    def lookup() -> Response:
        params = body(Lookup)
        view = board_view(params.board, params.season)
        segment = segment_in(view, params.segment)
        standings = container().board_pages.lookup(view.season, resolve_known(params.user_ids), segment)
        return answer([{"place": place, **standing.as_row()} for place, standing in standings])

    @routes.get("/leaderboard/users/<player:name>")
    @limits.reads
    def standing(name: PlayerName) -> Response:
        params = query(SeasonQuery)
        season = board_view(params.board, params.season).season
        return answer(
            container().standings.standing(resolve(name), season=season).as_row(), links={"leaderboard": _TOP}
        )

    return routes


def _page(view: BoardView, params: TopQuery) -> Response:
    """Return a page that no cache has."""
    season, segment = view.season, segment_in(view, params.segment)
    after = None
    if params.after is not None:
        try:
            after = container().cursors.read_place(_scope(season, segment), params.after)
        except ValueError:
            raise InvalidRequest.field("after", "is not a cursor of this board, season and segment") from None
    page = container().board_pages.page(season, params.limit, after, segment)
    rows = json.dumps(_rows(page.standings), ensure_ascii=False, separators=(",", ":"))
    return _render(rendered_top(rows, page.total, _next(season, params, page.last)), is_public=view.is_public)


def _render(top: RenderedTop, *, is_hit: bool = False, is_public: bool = True) -> Response:
    is_unchanged = is_known(request.headers.get("If-None-Match"), top.tag)
    response = empty(304) if is_unchanged else answer_text(top.rows, links=top.links, total=top.total)
    response.set_etag(top.tag, weak=True)
    response.headers["X-Cache"] = "HIT" if is_hit else "MISS"
    if is_public:
        response.headers["Cache-Control"] = "no-cache"
    return response


def _next(season: Season, params: TopQuery, last: Place | None) -> dict[str, str]:
    """Return the link to the page after this place, in the same season even if another one begins meanwhile."""
    if last is None:
        return {}
    segment = {} if params.segment is None else {"segment": params.segment}
    cursor = container().cursors.write_place([season.board, season.number, params.segment or ""], last)
    values = {"board": season.board, "season": season.number, **segment, "limit": params.limit, "after": cursor}
    return {"next": f"{_TOP}?{urlencode(values)}"}


def _scope(season: Season, segment: Segment | None) -> list[object]:
    return [season.board, season.number, segment or ""]


def _surroundings(view: BoardView, params: AroundQuery) -> Surroundings:
    pages, segment = container().board_pages, segment_in(view, params.segment)
    if params.rank is not None:
        return pages.around_place(view.season, params.rank, params.limit, segment)
    if params.score is not None:
        return pages.around_score(view.season, params.score, params.limit, segment)
    assert params.user_id is not None
    return pages.around_player(view.season, resolve(params.user_id), params.limit, segment)


def _rows(standings: list[Standing]) -> list[StandingRow]:
    return [standing.as_row() for standing in standings]
