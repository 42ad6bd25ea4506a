"""The refusals of the documents: which of them a call has by rule, and an example of each."""

from __future__ import annotations

from collections.abc import Iterator

from app import errors
from app.http.reference.call import Call, Failure, failure_of

_UNEXPECTED = Failure(500, "internal_error")
_NO_METHOD = Failure(405, "method_not_allowed")
_ID = "3b9e1d4c8f7a4e52b6c0d9a1e2f30415"
_SAMPLES: dict[type[errors.Refusal], errors.Refusal] = {
    errors.InvalidRequest: errors.InvalidRequest.field("limit", "must be at most 100"),
    errors.Forbidden: errors.Forbidden("This needs an API key with the scope 'score'.", details={"scope": "score"}),
    errors.RebuildRequired: errors.RebuildRequired(details={"boards": ["main"]}),
    errors.RateLimited: errors.RateLimited(limit=120, remaining=0, window=60, retry_after=17),
    errors.TooSoon: errors.TooSoon(1.25),
    errors.TooManySockets: errors.TooManySockets("address", 500, 5),
}
_OTHERS = {
    Failure(400, "invalid_handshake"): "Sec-WebSocket-Key must be 16 bytes in base64.",
    _NO_METHOD: "The method is not allowed for the requested URL.",
    Failure(414, "uri_too_long"): "The address is too long.",
    Failure(417, "expectation_failed"): "This server knows no expectation but 100-continue.",
    Failure(426, "upgrade_required"): "This address speaks WebSocket.",
    Failure(431, "headers_too_large"): "The headers are too large.",
    _UNEXPECTED: "Something went wrong here. It was logged with the request id.",
    Failure(501, "not_implemented"): "This server reads no transfer coding but chunked.",
    Failure(505, "http_version_not_supported"): "This server speaks HTTP/1.1.",
}
ANY_REQUEST = [failure for failure in _OTHERS if failure.status in (414, 417, 431, 501, 505)]
"""The refusals of requests that reach no call: the servers refuse them by their form."""


def failures_of(call: Call) -> list[Failure]:
    """Return all refusals that a call can answer with, by status and code."""
    kinds = {*_by_rule(call), *call.audience.refusals}
    others = {_UNEXPECTED, _NO_METHOD}
    for refusal in call.refusals:
        if isinstance(refusal, Failure):
            others.add(refusal)
        else:
            kinds.add(refusal)
    return sorted({*map(failure_of, kinds), *others}, key=lambda failure: (failure.status, failure.code))


def _by_rule(call: Call) -> Iterator[type[errors.Refusal]]:
    """Yield the refusals that follow from the form of a call."""
    yield from (errors.BadRequest, errors.RequestTimeout, errors.TooLarge)  # of a body that a call has no use for, too
    if call.body:
        yield from (errors.MalformedJson, errors.UnsupportedMediaType)
    if "<" in call.rule:
        yield errors.NotFound
    if call.is_api:
        yield from (errors.InvalidRequest, errors.RateLimited, errors.Unavailable)


def examples() -> dict[Failure, dict[str, object]]:
    """Return an example of each refusal: the whole answer."""
    rendered = {failure: _answer(failure, message, None) for failure, message in _OTHERS.items()}
    for kind in _kinds(errors.Refusal):
        refusal = _SAMPLES[kind] if kind in _SAMPLES else kind()
        rendered.setdefault(failure_of(kind), _answer(failure_of(kind), refusal.message, refusal.details))
    return rendered


def _kinds(parent: type[errors.Refusal]) -> Iterator[type[errors.Refusal]]:
    """Yield the classes of refusals with a code and a status of their own, parents first."""
    for kind in parent.__subclasses__():
        if not (issubclass(kind, errors.RateLimited) and kind is not errors.RateLimited):
            yield kind
            yield from _kinds(kind)


def _answer(failure: Failure, message: str, details: errors.Details | None) -> dict[str, object]:
    error: dict[str, object] = {"code": failure.code, "message": message}
    if details is not None:
        error["details"] = details
    return {"meta": {"code": failure.status, "request_id": _ID}, "error": error}
