"""The one table from error to status, and everything else that can end in an error, in the envelope."""

from __future__ import annotations

import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app import errors
from app.http.envelope import failure
from app.stores.postgres.engine import UNAVAILABLE

log = structlog.get_logger("fairboard.http")

# The nearest class in a refusal's ancestry decides.
STATUS: dict[type[errors.Refusal], int] = {
    errors.BadRequest: 400,
    errors.MalformedJson: 400,
    errors.Unauthorized: 401,
    errors.InvalidToken: 401,
    errors.InvalidSignature: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.RequestTimeout: 408,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.InvalidRequest: 422,
    errors.IdempotencyKeyReused: 422,
    errors.RateLimited: 429,
    errors.TooManyMessages: 429,
    errors.TooManySockets: 429,
    errors.Unavailable: 503,
}
_RETRY_SECONDS = "2"
_WORDS = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "too_large",
    414: "uri_too_long",
    415: "unsupported_media_type",
}


def status_of(refusal: errors.Refusal) -> int:
    """The HTTP status of a refusal."""
    return next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)


def register(app: Flask) -> None:
    """Every error is in the envelope."""
    app.before_request(_one_slash)
    app.register_error_handler(errors.Refusal, refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _broken)
    for kind in UNAVAILABLE:
        app.register_error_handler(kind, _unavailable)


def refused(refusal: errors.Refusal) -> Response:
    """A refusal as an answer, with the headers it calls for."""
    response = failure(status_of(refusal), refusal.code, refusal.message, refusal.details)
    if isinstance(refusal, errors.RateLimited):
        response.headers["Retry-After"] = str(refusal.retry_after)
        response.headers["RateLimit-Limit"] = str(refusal.limit)
        response.headers["RateLimit-Remaining"] = str(refusal.remaining)
        response.headers["RateLimit-Reset"] = str(refusal.retry_after)
    elif isinstance(refusal, errors.TooManySockets):
        response.headers["Retry-After"] = str(refusal.retry_after)
    elif isinstance(refusal, errors.InProgress):
        response.headers["Retry-After"] = "1"
    elif isinstance(refusal, errors.Unavailable):
        response.headers["Retry-After"] = _RETRY_SECONDS
    elif isinstance(refusal, errors.Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    if refusal.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _one_slash() -> None:
    """Refuse `//metrics`, which the router would take for `/metrics`, and no path at all, which it would redirect."""
    path = request.environ["PATH_INFO"]
    if path[:1] != "/" or path[1:2] == "/":
        raise errors.NotFound()


def _unavailable(error: Exception) -> Response:
    # The first line only: what follows in a driver's message may hold a statement's parameters.
    log.error("part_unavailable", kind=type(error).__name__, error=str(error).split("\n")[0])
    return refused(errors.Unavailable())


def _http(error: HTTPException) -> Response:
    if isinstance(error, RequestEntityTooLarge):
        return refused(errors.TooLarge())
    status = error.code or 500
    response = failure(status, _WORDS.get(status, "http_error"), error.description or error.name)
    for name, value in error.get_headers():
        if name.lower() == "allow":
            response.headers[name] = value
    return response


def _broken(error: Exception) -> Response:
    log.exception("unexpected_error", kind=type(error).__name__)
    return failure(500, "internal_error", "Something went wrong here. It was logged with the request id.")
