"""Players that redeem steadily and retry until an answer comes, with their requests and the answers."""

from __future__ import annotations

import http.client
import json
import random
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import gevent

_ANSWER_SECONDS = 15.0  # a client waits this long for one answer
_PAUSE_SECONDS = 0.2  # before the same request is sent again
_GIVE_UP_SECONDS = 120.0  # after this time an action counts as never answered
_READ_EVERY = 3  # a player reads their own rank after every third action
_MAX_RESULT = 1000  # as in boards.toml
_SLOW_SECONDS = 1.0  # a person notices a longer delay


@dataclass(slots=True)
class SubmittedAction:
    """One action whose token was sent in. `outcome`: scored (200), used (403 token_already_used), refused, or open.

    `doubtful`: a try had no answer or a 5xx, so the ledger may have it although no answer said so.
    `seasons`: the season in which it counted on each board, by the answer.
    """

    action_id: str
    keyed: bool
    points: int
    outcome: str = "open"
    doubtful: bool = False
    seasons: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class PhaseAccount:
    """One phase as clients saw it. `bad`: (start, end) of answers that failed or took over a second."""

    actions: list[SubmittedAction] = field(default_factory=list)
    saw: Counter[str] = field(default_factory=Counter)
    bad: list[tuple[float, float]] = field(default_factory=list)
    slowest: float = 0.0

    def note(self, start: float, status: int, code: str) -> None:
        """Count one answer; status 0 for none."""
        now = time.time()
        self.saw["no answer" if not status else f"{status} {code}".strip()] += 1
        self.slowest = max(self.slowest, now - start)
        if not status or status >= 500 or now - start > _SLOW_SECONDS:
            self.bad.append((start, now))


class Redeemer:
    """One player on one keep-alive connection. Every other action carries an Idempotency-Key."""

    def __init__(self, address: tuple[str, int], token: str, account: PhaseAccount, seed: int) -> None:
        self._address, self._token, self._account = address, token, account
        self._random = random.Random(seed)
        self._connection: http.client.HTTPConnection | None = None
        self._turn = 0

    def play(self, mean_pause: float, stop: gevent.event.Event) -> None:
        """Issue, redeem and read, with random pauses, until `stop` is set; return when the last action is answered."""
        while not stop.wait(self._random.expovariate(1 / mean_pause)):
            status, data = self._request("POST", "/api/v1/actions", {"action_type": "drill"})
            if status == 201:
                self._redeem(data)
            if self._turn % _READ_EVERY == 0:
                self._request("GET", "/api/v1/leaderboard/me")  # a replica answers it

    def _redeem(self, issued: dict[str, Any]) -> None:
        self._turn += 1
        result = self._random.randint(1, _MAX_RESULT)
        action = SubmittedAction(issued["action_id"], self._turn % 2 == 0, result)
        self._account.actions.append(action)
        headers = {"Idempotency-Key": uuid.uuid4().hex} if action.keyed else {}
        give_up_at = time.monotonic() + _GIVE_UP_SECONDS
        while action.outcome == "open" and time.monotonic() < give_up_at:
            path = f"/api/v1/actions/{action.action_id}/complete"
            status, data = self._request("POST", path, {"token": issued["token"], "result": result}, headers)
            action.outcome = _outcome(status, data)
            if action.outcome == "scored":
                action.seasons = {standing["board"]: standing["season"] for standing in data["standings"]}
            if action.outcome == "open":
                # A 409 (in flight) adds no doubt: it is our earlier try, or its lease.
                action.doubtful = action.doubtful or status != 409
                gevent.sleep(_PAUSE_SECONDS)

    def _request(
        self, method: str, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Send a request; return status and data (the error's code when refused), or status 0 when no answer came."""
        start = time.time()
        all_headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json", **(headers or {})}
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(*self._address, timeout=_ANSWER_SECONDS)
            self._connection.request(method, path, None if body is None else json.dumps(body), all_headers)
            response = self._connection.getresponse()
            text = response.read()
            if response.will_close:
                self._hang_up()
            answer = json.loads(text)
        except (OSError, http.client.HTTPException, ValueError):
            self._hang_up()
            self._account.note(start, 0, "")
            return 0, None
        code = answer["error"]["code"] if "error" in answer else ""
        self._account.note(start, response.status, code)
        return response.status, code or answer["data"]

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _outcome(status: int, data: Any) -> str:
    if status == 200:
        return "scored"
    if status == 0 or status >= 500 or status == 409:
        return "open"
    return "used" if data == "token_already_used" else "refused"
