"""A handshake, as far as its socket needs it later."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from flask import Flask

from app.ws.presence_reporter import Seat

# All that a sign-in records of a client.
_KEPT = (
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_HOST",
    "HTTP_USER_AGENT",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_UNREAD",
    "PATH_INFO",
    "REMOTE_ADDR",
    "REQUEST_METHOD",
    "SERVER_NAME",
    "SERVER_PORT",
    "wsgi.url_scheme",
)


class Place(Protocol):
    """The place of a connection in the server's count."""

    def give_up(self) -> None:
        """Count the connection no longer."""


class Arrival:
    """The seat of a socket, its place in the server's count, and the id of its request.

    A token of an identity provider may create its player, which records the client: then the socket keeps so much of
    its request, several hundred bytes.
    """

    __slots__ = ("_environ", "place", "request_id", "seat")

    def __init__(self, seat: Seat, request_id: str, environ: Mapping[str, object] | None = None) -> None:
        """Take the `environ` of the request where tokens may be an identity provider's."""
        self.seat, self.request_id = seat, request_id
        self.place: Place | None = None
        self._environ = None if environ is None else {name: environ[name] for name in _KEPT if name in environ}

    def context(self, app: Flask) -> AbstractContextManager[object]:
        """Return the context in which a token of this client is verified."""
        return app.app_context() if self._environ is None else app.request_context(dict(self._environ))
