"""The route /api/v1/ws/leaderboard: refusals before the upgrade, the handshake, and the call of the tier."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from typing import NoReturn

import gevent.socket
from flask import Blueprint, Flask, Response, current_app, g, request
from flask_sock import Sock
from simple_websocket import Server
from werkzeug.exceptions import MethodNotAllowed
from wsproto.utilities import RemoteProtocolError

from app.errors import Forbidden, Unavailable
from app.http.bodies import Strict, query
from app.http.envelope import failure, request_id
from app.http.limits import RateLimits, caller_address
from app.http.refused_origins import RefusedOrigins
from app.ws.arrival import Arrival, Place
from app.ws.tier import Tier

PATH = "/api/v1/ws/leaderboard"
_KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")  # 16 bytes
_EXTENSION = "fairboard.ws"


class HandshakeQuery(Strict):
    """The parameters of a handshake. `client` is for nginx, which has the sockets of one client on one server."""

    client: str | None = None


def register(app: Flask, limits: RateLimits) -> None:
    """Serve sockets from this app; `limits.sockets` bounds new ones per address."""
    app.extensions[_EXTENSION] = Tier(app)
    refused_origins = RefusedOrigins()
    app.config["SOCK_SERVER_OPTIONS"] = {"thread_class": _NoThread, "event_class": _NoEvent}
    routes = Blueprint("ws", __name__)
    routes.before_request(_check_handshake)
    routes.before_request(lambda: _check_origin(refused_origins))
    routes.before_request(limits.sockets(_take_seat))
    routes.teardown_request(_release_seat)
    routes.register_error_handler(RemoteProtocolError, _refuse_handshake)
    routes.register_error_handler(_TakenOverError, lambda _: _NoResponse())
    routes.add_url_rule(PATH, "plain", _not_a_socket)
    Sock().route(PATH, bp=routes)(_serve)
    app.register_blueprint(routes)


def tier_of(app: Flask) -> Tier:
    """Return the push tier of this process."""
    tier: Tier = app.extensions[_EXTENSION]
    return tier


def close_when(app: Flask, stopping: Callable[[], bool]) -> None:
    """Close every client with 1012 once `stopping()` is true. For gunicorn's post_worker_init."""
    tier_of(app).stopping = stopping


def count_sockets(app: Flask, keep_place: Callable[[], Place], most: int) -> None:
    """Have the server count sockets, and refuse more than `most` of them. For gunicorn's post_worker_init.

    `keep_place` is called in the greenlet of a handshake's request, which ends while its socket stays. It returns the
    place of the connection, which is given up once the socket has ended.
    """
    tier_of(app).keep_place, tier_of(app).most_sockets = keep_place, most


def close_all(app: Flask) -> None:
    """Close every client with 1012 now. For gunicorn's worker_int."""
    tier_of(app).close_all()


def _serve(ws: Server) -> None:
    # The tier owns the socket from here on: flask-sock's close() after us must find nothing to do.
    ws.connected = False
    may_be_providers = current_app.extensions["fairboard"].provider_sign_ins is not None
    arrival = Arrival(g.pop("seat"), request_id(), request.environ if may_be_providers else None)
    tier_of(current_app).serve(ws.sock.sock, arrival)
    # flask-sock would make a class for its response now: 3 kB of garbage that waits for the collector, and 30 µs.
    raise _TakenOverError


def _check_handshake() -> Response | None:
    if request.method == "OPTIONS":
        return current_app.make_default_options_response()
    if not (request.url_rule and request.url_rule.websocket):
        return _not_a_socket()
    if request.method != "GET":  # Flask takes HEAD for GET
        raise MethodNotAllowed(valid_methods=["GET", "OPTIONS"])
    query(HandshakeQuery)
    if not _KEY.fullmatch(request.headers.get("Sec-WebSocket-Key", "")):
        return failure(400, "invalid_handshake", "Sec-WebSocket-Key must be 16 bytes in base64.")
    if request.headers.get("Sec-WebSocket-Version") != "13":
        response = failure(426, "upgrade_required", "This server speaks version 13 of WebSocket.")
        response.headers["Sec-WebSocket-Version"] = "13"
        return response
    return None


def _check_origin(refused: RefusedOrigins) -> None:
    origin = request.headers.get("Origin")
    if not _may_connect(origin):
        refused.note(origin or "")
        raise Forbidden("This Origin may not open a socket here.")


def _not_a_socket() -> Response:
    response = failure(426, "upgrade_required", "This address speaks WebSocket.")
    response.headers["Upgrade"] = "websocket"
    return response


def _take_seat() -> None:
    """Take a seat, which only the server's own state can refuse, and limit the handshake to the small protocol."""
    sock = request.environ.get("gunicorn.socket")
    if not isinstance(sock, gevent.socket.socket) or isinstance(sock, ssl.SSLSocket):
        raise Unavailable("Sockets need gunicorn's gevent worker, with TLS ended in front of it.")
    g.seat = tier_of(current_app).arrive(caller_address())
    request.environ["gunicorn.socket"] = _HandshakeSocket(sock, request_id())
    # Compression can't be switched off in simple-websocket; it costs 90 kB a client and one encoding each. We speak no
    # subprotocol. The library reads these headers as ASCII, and fails on other bytes; Flask has matched them already.
    for name in ("EXTENSIONS", "PROTOCOL"):
        request.environ.pop(f"HTTP_SEC_WEBSOCKET_{name}", None)
    request.environ.update(HTTP_CONNECTION="Upgrade", HTTP_UPGRADE="websocket")


def _release_seat(_: BaseException | None) -> None:
    """Release the seat after a failed handshake: no other code does."""
    seat = g.pop("seat", None)
    if seat:
        tier_of(current_app).leave(seat)


def _may_connect(origin: str | None) -> bool:
    """Return whether `origin` is ours or on the list, or None: browsers always send one, other clients need not.

    Ours is the Host that the client names. A page that has this name resolve to us (DNS rebinding) gains only the
    public board: a socket is authenticated by the token in a message, never by a cookie.
    """
    if origin is None:
        return True
    if origin in current_app.extensions["fairboard"].settings.allowed_origins:
        return True
    scheme, _, host = origin.lower().partition("://")
    # A proxy that ends TLS may not say so, but no page loaded over http is ours where a request comes over TLS.
    schemes = ("https",) if request.is_secure else ("http", "https")
    return scheme in schemes and host == request.host.lower()


def _refuse_handshake(error: RemoteProtocolError) -> Response:
    return failure(400, "invalid_handshake", str(error))


class _TakenOverError(Exception):
    """The end of a request whose connection is a WebSocket now."""


class _NoResponse(Response):
    """A response that has gunicorn neither send anything nor read a further request."""

    def __call__(self, *_: object) -> NoReturn:
        raise StopIteration


class _HandshakeSocket:
    """A socket that adds the request id to the answer 101, to which simple-websocket adds no headers."""

    def __init__(self, sock: gevent.socket.socket, request_id: str) -> None:
        self.sock, self._header = sock, f"\r\nX-Request-ID: {request_id}\r\n\r\n".encode()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data.replace(b"\r\n\r\n", self._header, 1))


class _NoThread:
    """A stand-in for simple-websocket's reading thread: app/ws/turns.py reads all sockets."""

    name = "none"

    def __init__(self, **_: object) -> None:
        pass

    def start(self) -> None:
        pass


class _NoEvent:
    """A stand-in for the event that such a thread would set."""

    def set(self) -> None:
        pass
