"""A steady load of redemptions and reads that counts every request without the expected answer."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.parts.client import API, Player

_PAUSE = 0.02  # seconds between two turns of a client: a load that does not use the whole machine


@dataclass
class Tally:
    """The results of the clients: the good answers, and the number of failures of each kind."""

    scored: list[str] = field(default_factory=list)  # action ids that were answered with 200
    reads: int = 0
    failures: Counter[str] = field(default_factory=Counter)


class _Client(threading.Thread):
    """A client that keeps one connection open, as a program would, and never retries."""

    def __init__(self, url: str, tally: Tally, stop: threading.Event, pause: float) -> None:
        super().__init__(daemon=True)
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        self.tally, self._stop_asked, self._pause = tally, stop, pause

    def run(self) -> None:
        while not self._stop_asked.wait(self._pause):
            self.turn()
        self._connection.close()

    def turn(self) -> None:
        """Send one round of requests."""
        raise NotImplementedError

    def ask(self, method: str, path: str, token: str = "", body: Any = None, expected_status: int = 200) -> Any:
        """Send a request. Returns the answer's data, or None for a failure, which is counted."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        text = None if body is None else json.dumps(body)
        if text is not None:
            headers["Content-Type"] = "application/json"
        try:
            self._connection.request(method, API + path, text, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self.tally.failures[f"{method} {path.split('/')[1]}: {type(error).__name__}"] += 1
            return None
        envelope = json.loads(content)
        if answer.status != expected_status:
            self.tally.failures[f"{method} {path.split('/')[1]}: {answer.status} {envelope['error']['code']}"] += 1
            return None
        return envelope["data"]


class _Redeemer(_Client):
    """A client that issues and redeems without an Idempotency-Key: no request may get lost on the way."""

    def __init__(self, url: str, tally: Tally, stop: threading.Event, pause: float, player: Player) -> None:
        super().__init__(url, tally, stop, pause)
        self._token = player.access_token

    def turn(self) -> None:
        issued = self.ask("POST", "/actions", self._token, {"action_type": "tap"}, 201)
        if issued is None:
            return
        path = f"/actions/{issued['action_id']}/complete"
        if self.ask("POST", path, self._token, {"token": issued["token"]}) is not None:
            self.tally.scored.append(issued["action_id"])


class _Reader(_Client):
    """A client that reads the top list and a player's own standing."""

    def __init__(self, url: str, tally: Tally, stop: threading.Event, pause: float, player: Player) -> None:
        super().__init__(url, tally, stop, pause)
        self._token = player.access_token

    def turn(self) -> None:
        for path, token in (("/leaderboard/top", ""), ("/leaderboard/me", self._token), ("/me", self._token)):
            self.tally.reads += self.ask("GET", path, token) is not None


class SteadyLoad:
    """A load that runs between entry and exit; the tally is complete after the exit."""

    def __init__(self, url: str, players: Iterable[Player], *, pause: float = _PAUSE) -> None:
        """Create a redeemer for each player and a reader for every second one; `pause`: seconds between turns."""
        self.tally = Tally()
        self._stop = threading.Event()
        all_players = list(players)
        self._clients: list[_Client] = [_Redeemer(url, self.tally, self._stop, pause, player) for player in all_players]
        self._clients += [_Reader(url, self.tally, self._stop, pause, player) for player in all_players[::2]]

    def __enter__(self) -> Tally:
        for client in self._clients:
            client.start()
        return self.tally

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for client in self._clients:
            client.join(30)
