"""The table from error to HTTP status, and the handlers that put every error into the envelope."""

from __future__ import annotations

import structlog
from flask import Flask, Response
from werkzeug.exceptions import HTTPException, NotFound, RequestEntityTooLarge

from app import errors
from app.http.envelope import failure
from app.http.json_body import discard_body_of_read
from app.http.present import present_environ
from app.stores.postgres.engine import UNAVAILABLE

log = structlog.get_logger("fairboard.http")

# The nearest class in a refusal's ancestry decides its status.
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
HTTP_ERRORS = {
    400: "bad_request",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "too_large",
    414: "uri_too_long",
    415: "unsupported_media_type",
}


def status_of(refusal: errors.Refusal) -> int:
    """Return the HTTP status of a refusal."""
    return next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)


def register(app: Flask) -> None:
    """Make the app answer every error in the envelope."""
    app.before_request(_check_path)
    app.before_request(discard_body_of_read)
    app.register_error_handler(errors.Refusal, refusal_response)
    app.register_error_handler(HTTPException, _render_http_error)
    app.register_error_handler(Exception, _render_unexpected_error)
    for kind in UNAVAILABLE:
        app.register_error_handler(kind, _render_unavailable)


def refusal_response(refusal: errors.Refusal) -> Response:
    """Return a refusal as a response, with the headers it calls for."""
    response = failure(status_of(refusal), refusal.code, refusal.message, refusal.details)
    if isinstance(refusal, errors.RateLimited):
        response.headers["Retry-After"] = str(refusal.retry_after)
        response.headers["RateLimit-Limit"] = str(refusal.limit)
        response.headers["RateLimit-Remaining"] = str(refusal.remaining)
        response.headers["RateLimit-Reset"] = str(refusal.retry_after)
    elif isinstance(refusal, errors.TooManySockets | errors.TooSoon):
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


def _check_path() -> None:
    """Refuse `//metrics`, which the router would take for `/metrics`, and an empty path, which it would redirect."""
    path = present_environ()["PATH_INFO"]
    if path[:1] != "/" or path[1:2] == "/":
        raise errors.NotFound()


def _render_unavailable(error: Exception) -> Response:
    # Log only the first line: later lines of a driver's message may hold a statement's parameters.
    log.error("part_unavailable", kind=type(error).__name__, error=str(error).split("\n")[0])
    return refusal_response(errors.Unavailable())


def _render_http_error(error: HTTPException) -> Response:
    if isinstance(error, RequestEntityTooLarge):
        return refusal_response(errors.TooLarge())
    if isinstance(error, NotFound):
        return refusal_response(errors.NotFound())
    status = error.code or 500
    response = failure(status, HTTP_ERRORS.get(status, "http_error"), error.description or error.name)
    for name, value in error.get_headers():
        if name.lower() == "allow":
            response.headers[name] = value
    return response


def _render_unexpected_error(error: Exception) -> Response:
    log.exception("unexpected_error", kind=type(error).__name__)
    return failure(500, "internal_error", "Something went wrong here. It was logged with the request id.")
