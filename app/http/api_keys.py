"""The API key of a request, sent as `Authorization: Bearer fbk_…`."""

from __future__ import annotations

from collections.abc import Callable

from structlog.contextvars import bind_contextvars

from app.domain.api_keys import PREFIX, KeyCaller
from app.errors import Unauthorized
from app.http.present import present_environ, present_values
from app.http.services import container

_SCHEME = "bearer"


def presented_key(authorization: str | None) -> str | None:
    """Return the API key in the value of an Authorization header; None where there is another token, or none."""
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    return token if token.startswith(PREFIX) and scheme.lower() == _SCHEME else None


def proved_key(admit_lookup: Callable[[], None]) -> KeyCaller | None:
    """Return the key that this request proves, None where it presents none. Raises Unauthorized.

    `admit_lookup` is called before a key that Redis has no copy of is looked up; it may raise RateLimited.
    """
    text = presented_key(present_environ().get("HTTP_AUTHORIZATION"))
    if text is None:
        return None
    values = present_values()
    key: KeyCaller | None = values.get("api_key")
    if key is None:
        key = values.api_key = container().key_checks.caller(text, admit_lookup)
        bind_contextvars(api_key=key.prefix)
    return key


def known_key(admit_lookup: Callable[[], None]) -> KeyCaller | None:
    """Return the key that this request proves; None for one that is not valid, too: its caller is anyone."""
    try:
        return proved_key(admit_lookup)
    except Unauthorized:
        return None


def key_prefix() -> str | None:
    """Return the prefix of the key that this request has proved, for its log line."""
    key: KeyCaller | None = present_values().get("api_key")
    return key.prefix if key else None
