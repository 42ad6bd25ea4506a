"""What a sign-in says about the addresses of clients."""

from __future__ import annotations

from uuid import UUID

from flask import request

from app.http.identity import container
from app.http.limits import caller_address

# nginx sets it where it did not read what a request says about its address; without nginx nobody reads any of that.
_UNREAD = "X-Forwarded-Unread"


def note_sign_in(player_id: UUID) -> None:
    """Count it, so that `flask doctor` can say when all clients seem to be one."""
    behind_proxy = container().settings.trusted_proxies > 0
    unread = request.headers.get(_UNREAD if behind_proxy else "X-Forwarded-For")
    container().sign_ins.note(caller_address(), player_id, unread_forwarding=bool(unread))
