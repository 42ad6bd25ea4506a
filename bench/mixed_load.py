"""Players that redeem without a pause on servers that may change under them, and everything they were told."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from bench.load import BenchFailed
from bench.players import ACTION_TYPE, BenchPlayer

_THREADS = 6
_PAUSE_SECONDS = 0.05  # between two redemptions of a thread, so that the servers are busy, not full
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request, sent at `sent_at` (time.monotonic()) and answered after `seconds`."""

    status: int
    body: dict[str, Any]
    sent_at: float
    seconds: float


def call(
    url: str,
    player: BenchPlayer | None,
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Send one request of a player; status 0 stands for no answer.

    The Python client does not fit: the next try of a request goes to another server, and each one is measured.
    """
    address, sent_at = urlsplit(url), time.monotonic()
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT_SECONDS)
    text = None if body is None else json.dumps(body)
    all_headers = {"Content-Type": "application/json", **(player.headers if player else {}), **(headers or {})}
    try:
        connection.request(method, f"/api/v1{path}", text, all_headers)
        response = connection.getresponse()
        return Answer(response.status, json.loads(response.read()), sent_at, time.monotonic() - sent_at)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(0, {"error": {"code": type(error).__name__}}, sent_at, time.monotonic() - sent_at)
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Action:
    """An issued action, with the key of its redemption."""

    player: BenchPlayer
    action_id: str
    token: str
    key: str = field(default_factory=lambda: uuid4().hex)


def register(url: str, count: int) -> list[BenchPlayer]:
    """Register players one after the other, each again while the server is too busy."""
    players: list[BenchPlayer] = []
    while len(players) < count:
        account = {"username": f"present-{len(players)}", "password": "a password of the bench"}
        answer = call(url, None, "POST", "/auth/register", account)
        if answer.status == 201:
            data = answer.body["data"]
            players.append(BenchPlayer(data["user"]["user_id"], data["access_token"]))
        elif answer.status != 503:
            raise BenchFailed(f"a registration was refused: {answer.body}")
    return players


def issue(url: str, player: BenchPlayer) -> Action | Answer:
    """Issue an action; return the answer if it is refused."""
    answer = call(url, player, "POST", "/actions", {"action_type": ACTION_TYPE})
    if answer.status != 201:
        return answer
    data = answer.body["data"]
    return Action(player, data["action_id"], data["token"])


def redeem(url: str, action: Action) -> Answer:
    """Redeem an action with its key."""
    path, headers = f"/actions/{action.action_id}/complete", {"Idempotency-Key": action.key}
    return call(url, action.player, "POST", path, {"token": action.token}, headers)


class MixedLoad:
    """Threads that issue and redeem on the servers in `urls`, which may be replaced at any time."""

    def __init__(self, urls: list[str], players: list[BenchPlayer]) -> None:
        self.urls = urls
        self.redemptions: list[Answer] = []
        self.failures: list[Answer] = []
        self.scored = 0
        self._players = itertools.cycle(players)
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._play, args=(number,)) for number in range(_THREADS)]

    def __enter__(self) -> MixedLoad:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def slowest(self, since: float, until: float) -> float:
        """Return the seconds of the slowest redemption of those that were under way between two times."""
        with self._lock:
            return max(
                (
                    answer.seconds
                    for answer in self.redemptions
                    if answer.sent_at <= until and answer.sent_at + answer.seconds >= since
                ),
                default=0.0,
            )

    def _play(self, number: int) -> None:
        for turn in itertools.count(number):
            if self._stop.wait(_PAUSE_SECONDS):
                return
            with self._lock:
                player = next(self._players)
            action = issue(self.urls[turn % len(self.urls)], player)
            if isinstance(action, Answer):
                with self._lock:
                    self.failures.append(action)
                continue
            self._redeem(action, turn)

    def _redeem(self, action: Action, turn: int) -> None:
        """Redeem, and try again with the same key until an answer says that it scored or never will."""
        for attempt in range(20):
            answer = redeem(self.urls[(turn + attempt) % len(self.urls)], action)
            with self._lock:
                self.redemptions.append(answer)
                if answer.status == 200:
                    self.scored += 1
                else:
                    self.failures.append(answer)
            if answer.status not in (0, 409, 500, 503):
                return
            time.sleep(0.2)
