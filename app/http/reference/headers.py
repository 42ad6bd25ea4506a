"""The headers of the documents: those that a caller may send, and those of answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.http.cors import is_public_read
from app.http.reference.call import Call, Failure

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}

_WORDS: dict[str, tuple[str, dict[str, Any]]] = {
    "X-Request-ID": ("The request's id: the one that was sent, or a new one.", {**_TEXT, "maxLength": 64}),
    "X-Content-Type-Options": ("Always `nosniff`.", {"const": "nosniff"}),
    "Cache-Control": ("`no-store`, or `no-cache` for what a cache may keep and must ask about.", _TEXT),
    "Access-Control-Allow-Origin": ("`*` for public reads; else the origin of a page of `ALLOWED_ORIGINS`.", _TEXT),
    "Access-Control-Expose-Headers": ("The headers that a page of another origin may read.", _TEXT),
    "Vary": ("`Origin` where the answer depends on it.", _TEXT),
    "WWW-Authenticate": ("Always `Bearer`.", {"const": "Bearer"}),
    "Retry-After": ("After how many seconds to try again.", _COUNT),
    "RateLimit-Limit": ("How many requests the window allows.", _COUNT),
    "RateLimit-Remaining": ("How many of them are left.", _COUNT),
    "RateLimit-Reset": ("In how many seconds the window ends.", _COUNT),
    "Allow": ("The methods of this path.", _TEXT),
    "Location": ("The address of the new resource.", {**_TEXT, "format": "uri-reference"}),
    "ETag": ("The tag of this version, for `If-None-Match`.", _TEXT),
    "X-Cache": ("Whether a cache had the answer.", {"enum": ["HIT", "MISS"]}),
    "X-Accel-Expires": ("Until when nginx may keep the answer, as `@` and Unix seconds; nginx drops it.", _TEXT),
    "Idempotency-Replayed": ("Present if this repeats the first answer to the key.", {"const": "true"}),
    "Upgrade": ("The protocol of this address.", {"const": "websocket"}),
    "Sec-WebSocket-Version": ("The version of WebSocket.", {"const": "13"}),
    "Content-Security-Policy": ("What the page may load.", _TEXT),
    "Cross-Origin-Embedder-Policy": ("Which resources of other origins the page may use.", _TEXT),
    "Cross-Origin-Opener-Policy": ("Which pages share the page's window.", _TEXT),
    "Cross-Origin-Resource-Policy": ("Which pages may use this as a resource.", _TEXT),
    "Permissions-Policy": ("Which features the page may use.", _TEXT),
    "Referrer-Policy": ("What links of the page tell of it.", _TEXT),
    "X-Frame-Options": ("Whether a page may frame this one.", _TEXT),
    "Accept-Ranges": ("Always `bytes`; ranges are ignored all the same.", _TEXT),
    "Last-Modified": ("When the file was changed.", _TEXT),
    "Content-Disposition": ("The name of the file.", _TEXT),
}
_PARAMETERS = {
    "X-Request-ID": ("An id for this request, kept if it is printable ASCII of at most 64 characters.", _TEXT),
    "Idempotency-Key": (
        "Makes a request that is sent twice count once.",
        {**_TEXT, "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    ),
    "If-None-Match": ("Tags that the caller has: 304 if one of them is the present one.", _TEXT),
}


def header_components() -> dict[str, object]:
    """Return all headers of answers."""
    return {name: {"description": words, "schema": schema} for name, (words, schema) in _WORDS.items()}


def parameter_components() -> dict[str, object]:
    """Return all headers of requests, except Authorization, which the security schemes describe."""
    parameters = {
        name: {"name": name, "in": "header", "description": words, "schema": schema}
        for name, (words, schema) in _PARAMETERS.items()
    }
    required = {**parameters["Idempotency-Key"], "required": True}
    return {**parameters, "Idempotency-Key-Required": required}


def parameters_of(call: Call) -> list[dict[str, str]]:
    """Return references to the headers that a call reads."""
    names = ["X-Request-ID"]
    if call.is_repeatable:
        names.append("Idempotency-Key-Required" if call.needs_key else "Idempotency-Key")
    if call.has_etag:
        names.append("If-None-Match")
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def headers_of(call: Call, status: int, failures: Sequence[Failure] = ()) -> dict[str, object]:
    """Return references to the headers of an answer."""
    names = ["X-Request-ID", "X-Content-Type-Options", "Cache-Control", *_for_other_origins(call, failures)]
    names += _of_failure(status, {failure.code for failure in failures}) if failures else _of_success(call, status)
    if call.is_repeatable and status < 500:
        names.append("Idempotency-Replayed")
    if call.media_type != "application/json" or call.rule.endswith("/ws/leaderboard"):
        names += [name for name in call.headers if name not in names]
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _for_other_origins(call: Call, failures: Sequence[Failure]) -> list[str]:
    """Return the headers that let a page of another origin read the answer. Pages may read every refusal of nginx."""
    path = call.rule.replace("<", "{").replace(">", "}")
    if is_public_read(call.method, path):
        return ["Access-Control-Allow-Origin", "Access-Control-Expose-Headers"]
    if call.is_api:
        return ["Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Vary"]
    return ["Access-Control-Allow-Origin", "Access-Control-Expose-Headers"] if failures else []


def _of_success(call: Call, status: int) -> list[str]:
    names = list(call.headers)
    if call.has_etag and "ETag" not in names:
        names.append("ETag")
    if call.has_location and status in (201, 202):
        names.append("Location")
    return names


def _of_failure(status: int, codes: set[str]) -> list[str]:
    names = []
    if status == 401 and codes & {"unauthorized", "invalid_credentials"}:
        names.append("WWW-Authenticate")
    if status in (429, 503) or codes & {"too_soon", "in_progress"}:
        names.append("Retry-After")
    if status == 429:
        names += ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"]
    if status == 405:
        names.append("Allow")
    return names
