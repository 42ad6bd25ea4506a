"""The records of clients at sign-in and refresh: addresses, counted, and where an account was seen, hashed."""

from __future__ import annotations

from uuid import UUID

from flask import request

from app.http.limits import caller_address
from app.http.services import container

_MOST_LENGTH = 512  # characters of a header that describe a client

# nginx sets this header where it ignores a request's forwarding headers; without nginx no process reads those headers.
_UNREAD = "X-Forwarded-Unread"


def note_sign_in(player_id: UUID) -> None:
    """Count a sign-in, so that `flask doctor` can report when all clients seem to have one address; record where."""
    behind_proxy = container().settings.trusted_proxies > 0
    unread = request.headers.get(_UNREAD if behind_proxy else "X-Forwarded-For")
    container().sign_ins.note(caller_address(), player_id, unread_forwarding=bool(unread))
    user_agent, language = (request.headers.get(name, "")[:_MOST_LENGTH] for name in ("User-Agent", "Accept-Language"))
    container().sightings.note(player_id, request.remote_addr or "unknown", user_agent, language)
