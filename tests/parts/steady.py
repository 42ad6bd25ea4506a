"""A steady load of redemptions and reads that counts every request that did not get the answer it should."""

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

_PAUSE = 0.02  # seconds between two turns of a client: a load, and not as much as the machine can take


@dataclass
class Tally:
    """What the clients saw: how many answers were good, and each failure in words."""

    scored: list[str] = field(default_factory=list)  # action ids that were answered with 200
    reads: int = 0
    failures: Counter[str] = field(default_factory=Counter)


class _Client(threading.Thread):
    """One client on one connection that it keeps open, as a program would; it repeats nothing."""

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
        """One round of requests."""
        raise NotImplementedError

    def ask(self, method: str, path: str, token: str = "", body: Any = None, wanted: int = 200) -> Any:
        """The answer's data, or None for a failure, which is counted."""
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
        told = json.loads(content)
        if answer.status != wanted:
            self.tally.failures[f"{method} {path.split('/')[1]}: {answer.status} {told['error']['code']}"] += 1
            return None
        return told["data"]


class _Redeemer(_Client):
    """Issues and redeems, without an Idempotency-Key: nothing may get lost on the way."""

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
    """Reads the top list and a player's own standing."""

    def __init__(self, url: str, tally: Tally, stop: threading.Event, pause: float, player: Player) -> None:
        super().__init__(url, tally, stop, pause)
        self._token = player.access_token

    def turn(self) -> None:
        for path, token in (("/leaderboard/top", ""), ("/leaderboard/me", self._token), ("/me", self._token)):
            self.tally.reads += self.ask("GET", path, token) is not None


class SteadyLoad:
    """Runs between entry and exit; the tally is complete after it."""

    def __init__(self, url: str, players: Iterable[Player], *, pause: float = _PAUSE) -> None:
        """One redeemer for each player, and one reader for every second of them; `pause`: seconds between turns."""
        self.tally = Tally()
        self._stop = threading.Event()
        people = list(players)
        self._clients: list[_Client] = [_Redeemer(url, self.tally, self._stop, pause, each) for each in people]
        self._clients += [_Reader(url, self.tally, self._stop, pause, each) for each in people[::2]]

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
