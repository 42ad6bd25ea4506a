"""The routes of /action-types and /actions."""

from __future__ import annotations

from functools import cache
from uuid import UUID

from flask import Blueprint, Response
from prometheus_client import Counter

from app import metrics
from app.domain.json_text import compact
from app.domain.redemption import RedemptionRequest
from app.domain.times import rfc3339
from app.http.bodies import ActionToken, NewAction, body, idempotency_key, no_query
from app.http.completions import render_completed
from app.http.envelope import answer, failure_code, request_id
from app.http.identity import container, entering, me, signed_in
from app.http.limits import RateLimits
from app.http.present import present_request
from app.services.accounts.entrances import Entrance
from app.services.play.actions import Issued


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("actions", __name__)
    routes.after_request(_count_redemption)

    @routes.get("/action-types")
    @limits.reads
    def action_types() -> Response:
        no_query()
        return answer(
            [
                {
                    "slug": action_type.slug,
                    "name": action_type.name,
                    "points": action_type.points,
                    "min_seconds": action_type.min_seconds,
                    "board": action_type.board,
                    "boards": action_type.boards,
                    "result_kind": action_type.result_kind,
                    "min_result": action_type.min_result,
                    "max_result": action_type.max_result,
                    "result_is_duration": action_type.result_is_duration,
                }
                for action_type in container().actions.types()
            ]
        )

    @routes.post("/actions")
    @signed_in(limit=limits.issue)
    def issue() -> Response:
        return _render_issued(container().actions.issue(me().player_id, body(NewAction).action_type))

    @routes.get("/actions/<uuid:action_id>")
    @signed_in()
    @limits.reads
    def show(action_id: UUID) -> Response:
        no_query()
        return answer(container().actions.state(me().player_id, action_id))

    @routes.post("/actions/<uuid:action_id>/complete")
    @entering(limits.complete)
    def complete(entrance: Entrance, action_id: UUID) -> Response:
        with entrance.before():
            redemption = _redemption_of(action_id)
        return render_completed(container().redemptions.complete(redemption, entrance), redemption.player_id)

    return routes


def _redemption_of(action_id: UUID) -> RedemptionRequest:
    fields = body(ActionToken)
    metadata = None if fields.metadata is None else compact(fields.metadata)
    return RedemptionRequest(
        str(me().player_id), str(action_id), fields.token, idempotency_key(), request_id(), fields.result, metadata
    )


def _count_redemption(response: Response) -> Response:
    """Count every outcome of a completion, including refusals before the view."""
    if present_request().endpoint == "actions.complete":
        replayed = "replayed" if "Idempotency-Replayed" in response.headers else "scored"
        _outcome_counter(failure_code() or replayed).inc()
    return response


@cache
def _outcome_counter(outcome: str) -> Counter:
    return metrics.redemptions.labels(outcome)


def _render_issued(issued: Issued) -> Response:
    promise = issued.promise
    address = f"/api/v1/actions/{promise.action_id}"
    response = answer(
        {
            "action_id": promise.action_id,
            "action_type": promise.action_type,
            "token": issued.token,
            "points": promise.points if promise.result_kind == "fixed" else None,
            "expected_score": issued.expected_score,
            "issued_at": rfc3339(promise.issued_ms / 1000),
            "expires_at": rfc3339(promise.expires_ms / 1000),
        },
        201,
        {"self": address, "complete": f"{address}/complete"},
    )
    response.headers["Location"] = address
    return response
