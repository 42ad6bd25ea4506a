"""The routes of /leaderboard."""

from __future__ import annotations

import hashlib
from uuid import UUID

from flask import Blueprint, Response, request

from app import metrics
from app.domain.boards import Standing, StandingRow
from app.http.bodies import AroundQuery, BoardQuery, TopQuery, query
from app.http.envelope import answer, answer_text, empty
from app.http.etags import is_known
from app.http.identity import container, me, signed_in
from app.http.limits import RateLimits
from app.http.top_reads import EXPIRES, TopReads


def blueprint(limits: RateLimits, top_reads: TopReads) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("leaderboard", __name__)

    @routes.get("/leaderboard/top")
    @limits.reads
    def top() -> Response:
        params = query(TopQuery)
        ranking = container().standings.top(params.board, params.limit)
        # The tag covers the rows alone: responses that differ only in their request ids are the same to a reader.
        tag = hashlib.blake2b(ranking.rows.encode(), digest_size=12).hexdigest()
        is_unchanged = is_known(request.headers.get("If-None-Match"), tag)
        response = empty(304) if is_unchanged else answer_text(ranking.rows)
        response.set_etag(tag, weak=True)
        response.headers["X-Cache"] = "HIT" if ranking.hit else "MISS"
        response.headers["Cache-Control"] = "no-cache"
        response.headers[EXPIRES] = f"@{ranking.second}"
        metrics.top_reads.labels("hit" if ranking.hit else "miss").inc()
        top_reads.store(request.query_string.decode("latin-1"), ranking.rows, tag, ranking.second)
        return response

    @routes.get("/leaderboard/online")
    @limits.reads
    def online() -> Response:
        return answer({"online": container().presence.online(query(BoardQuery).board)})

    @routes.get("/leaderboard/me")
    @signed_in()
    @limits.reads
    def mine() -> Response:
        params = query(AroundQuery)
        standing, above, below = container().standings.around(me().player_id, params.around, params.board)
        data = {"standing": standing.as_row(), "above": _rows(above), "below": _rows(below)}
        return answer(data, links={"leaderboard": "/api/v1/leaderboard/top"})

    @routes.get("/leaderboard/users/<uuid:user_id>")
    @limits.reads
    def standing(user_id: UUID) -> Response:
        return answer(
            container().standings.standing(user_id, query(BoardQuery).board).as_row(),
            links={"leaderboard": "/api/v1/leaderboard/top"},
        )

    return routes


def _rows(standings: list[Standing]) -> list[StandingRow]:
    return [standing.as_row() for standing in standings]
