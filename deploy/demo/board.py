"""The live board as the players' sockets receive it, and one such socket."""

from __future__ import annotations

import functools
import json
import random
import threading
from collections.abc import Callable
from typing import Any

import simple_websocket
from simple_websocket.errors import SimpleWebsocketError
from wsproto.utilities import ProtocolError

_CONNECTION_ERRORS = (OSError, SimpleWebsocketError, ProtocolError, ValueError)
_POLICY_VIOLATION = 1008
_Daemon = functools.partial(threading.Thread, daemon=True)


class SeenBoard:
    """The newest rows that any player's socket has received."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version = -1
        self._rows: list[dict[str, Any]] = []
        self.updates = 0
        """Messages received, on all sockets together."""

    def take(self, message: dict[str, Any]) -> None:
        """Store an initial board or an update, unless it is older than the present one."""
        with self._lock:
            self.updates += 1
            if message["meta"]["version"] > self._version:
                self._version, self._rows = message["meta"]["version"], message["data"]

    def top(self, count: int) -> list[dict[str, Any]]:
        """Return the best rows: rank, username, score."""
        with self._lock:
            return self._rows[:count]


class Socket:
    """One player's subscription, in threads of its own; it reconnects until it is refused or closed.

    `token()` returns the player's access token; `refused(code)` is called once if the server ends the subscription,
    with the error code that the server sent, such as `account_suspended`.
    """

    def __init__(self, url: str, board: SeenBoard, token: Callable[[], str], refused: Callable[[str], None]) -> None:
        self._url = "ws" + url.rstrip("/").removeprefix("http") + "/api/v1/ws/leaderboard"
        self._board, self._token, self._refused = board, token, refused
        self._send_lock = threading.Lock()
        self._closed = threading.Event()
        self._client: Any = None
        _Daemon(target=self._run, name="socket").start()

    def renew(self) -> None:
        """Subscribe again, with the newest access token."""
        self._send(self._subscription())

    def close(self) -> None:
        """Close the socket from our side."""
        self._closed.set()
        try:
            if self._client is not None:
                self._client.close()
        except _CONNECTION_ERRORS:
            return

    def _run(self) -> None:
        while not self._closed.is_set():
            refusal = self._converse()
            if refusal and not self._closed.is_set():
                self._refused(refusal)
                return
            self._closed.wait(random.uniform(0.5, 2.0))

    def _converse(self) -> str:
        """Serve one connection to its end; return the error code of a refusal, or '' if the connection was lost."""
        error = ""
        try:
            self._client = simple_websocket.Client.connect(self._url, thread_class=_Daemon)
            self._send(self._subscription())
            while True:
                message = json.loads(self._client.receive())
                if message["type"] == "ping":
                    self._send({"type": "pong", "timestamp": message["timestamp"]})
                elif message["type"] == "error":
                    error = message["error"]["code"]
                else:
                    self._board.take(message)
        except simple_websocket.ConnectionClosed as closed:
            # The server also refuses a token that expired before its renewal: the next connection brings the new one.
            is_refused = closed.reason == _POLICY_VIOLATION and error != "unauthorized"
            return (error or "closed") if is_refused else ""
        except _CONNECTION_ERRORS:
            return ""

    def _subscription(self) -> dict[str, str]:
        return {"type": "subscribe", "auth": f"Bearer {self._token()}"}

    def _send(self, message: dict[str, str]) -> None:
        try:
            with self._send_lock:
                if self._client is not None:
                    self._client.send(json.dumps(message))
        except _CONNECTION_ERRORS:
            return  # the receiving thread notices the loss
