"""The routes by which a game's server enters scores."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from flask import Blueprint, Response, g

from app.domain.json_text import JsonValue, compact
from app.domain.submissions import MOST_SCORES, Score, Submission, fingerprint
from app.errors import InvalidRequest, Refusal
from app.http.bodies import Player, Reported, checked_key, idempotency_key, json_object, validated
from app.http.completions import completed_data, render_completed
from app.http.envelope import answer, request_id
from app.http.failures import status_of
from app.http.identity import container, keyed
from app.http.limits import RateLimits
from app.services.play.key_scores import Answer

_MAX_BATCH = 1024 * 1024


class ScoreBody(Reported):
    """The body of `POST /scores`, and each of `scores` of a batch without its `key`."""

    player: Player
    action_type: str


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("scores", __name__)

    @routes.post("/scores")
    @keyed(limits, "score")
    def submit() -> Response:
        fields = json_object()
        key = idempotency_key()
        if key is None:
            raise InvalidRequest.field("Idempotency-Key", "is required: it makes a score that is sent twice count once")
        (outcome,) = _submit([_submission(key, fields)])
        if isinstance(outcome, Refusal):
            raise outcome
        return render_completed(outcome, quote(str(fields["player"]), safe=""))

    @routes.post("/scores/batch")
    @keyed(limits, "score")
    def submit_batch() -> Response:
        items = _items(json_object(_MAX_BATCH))
        submissions = [_keyed_submission(item) for item in items]
        outcomes = iter(_submit([item for item in submissions if isinstance(item, Submission)]))
        rows = [
            _row(item, next(outcomes) if isinstance(submission, Submission) else submission)
            for item, submission in zip(items, submissions, strict=True)
        ]
        return answer(rows)

    return routes


def _submit(submissions: list[Submission]) -> list[Answer]:
    return container().key_scores.submit(g.api_key.id, submissions, request_id=request_id())


def _submission(key: str, fields: Mapping[str, JsonValue]) -> Submission:
    """Return the submission of these fields; fields that make no score are a refusal to remember."""
    score: Score | InvalidRequest
    try:
        parsed = validated(ScoreBody, fields)
        metadata = None if parsed.metadata is None else compact(parsed.metadata)
        score = Score(parsed.player, parsed.action_type, parsed.result, metadata)
    except InvalidRequest as refusal:
        score = refusal
    return Submission(key, fingerprint(fields), score)


def _items(fields: dict[str, JsonValue]) -> list[JsonValue]:
    """Return the items of a batch. Raises InvalidRequest."""
    problems = [{"field": name, "message": "is not a field of this request"} for name in fields if name != "scores"]
    items = fields.get("scores")
    if not isinstance(items, list):
        problems.append({"field": "scores", "message": "must be a list"})
    elif len(items) > MOST_SCORES:
        problems.append(
            {"field": "scores", "message": f"must have at most {MOST_SCORES} scores; this has {len(items)}"}
        )
    if problems or not isinstance(items, list):
        raise InvalidRequest(details=problems)
    return items


def _keyed_submission(item: JsonValue) -> Submission | InvalidRequest:
    """Return the submission of an item; without a key that can be stored it is a refusal that nothing remembers."""
    if not isinstance(item, dict):
        return InvalidRequest.field("scores", "must have objects")
    key = item.get("key")
    if not isinstance(key, str):
        return InvalidRequest.field("key", "must be a string" if "key" in item else "is required")
    try:
        checked_key(key, "key")
    except InvalidRequest as refusal:
        return refusal
    return _submission(key, {name: value for name, value in item.items() if name != "key"})


def _row(item: JsonValue, outcome: Answer) -> dict[str, object]:
    key = item.get("key") if isinstance(item, dict) else None
    named: dict[str, object] = {"key": key if isinstance(key, str) else None}
    if not isinstance(outcome, Refusal):
        return {**named, "code": 200, "data": completed_data(outcome)}
    error: dict[str, object] = {"code": outcome.code, "message": outcome.message}
    if outcome.details is not None:
        error["details"] = outcome.details
    return {**named, "code": status_of(outcome), "error": error}
