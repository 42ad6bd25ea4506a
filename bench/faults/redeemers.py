"""Players who redeem steadily and never give up on an answer: what each asked for, and what came back."""

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

_ANSWER_SECONDS = 15.0  # a client's patience for one answer
_PAUSE_SECONDS = 0.2  # before the same is asked again
_GIVE_UP_SECONDS = 120.0  # after which an action counts as never answered
_READ_EVERY = 3  # actions between two looks of a player at their own place
_SLOW_SECONDS = 1.0  # longer than this and a person notices


@dataclass(slots=True)
class Action:
    """One action whose token was sent in. `outcome`: scored (200), used (403 token_already_used), refused, or open.

    `doubtful`: a try had no answer or a 5xx, so the ledger may have it although nobody was told.
    """

    action_id: str
    keyed: bool
    points: int
    outcome: str = "open"
    doubtful: bool = False


@dataclass(slots=True)
class Account:
    """What one phase looked like from outside. `bad`: (began, ended) of answers that failed or took over a second."""

    actions: list[Action] = field(default_factory=list)
    saw: Counter[str] = field(default_factory=Counter)
    bad: list[tuple[float, float]] = field(default_factory=list)
    slowest: float = 0.0

    def note(self, began: float, status: int, code: str) -> None:
        """One answer; status 0 for none."""
        now = time.time()
        self.saw["no answer" if not status else f"{status} {code}".strip()] += 1
        self.slowest = max(self.slowest, now - began)
        if not status or status >= 500 or now - began > _SLOW_SECONDS:
            self.bad.append((began, now))


class Redeemer:
    """One player on one keep-alive connection. Every other action carries an Idempotency-Key."""

    def __init__(self, address: tuple[str, int], token: str, account: Account, seed: int) -> None:
        self._address, self._token, self._account = address, token, account
        self._random = random.Random(seed)
        self._connection: http.client.HTTPConnection | None = None
        self._turn = 0

    def play(self, mean_pause: float, until: gevent.event.Event) -> None:
        """Issue, redeem and read, with random pauses, until told to stop; ends when its last action is answered."""
        while not until.wait(self._random.expovariate(1 / mean_pause)):
            status, data = self._ask("POST", "/api/v1/actions", {"action_type": "tap"})
            if status == 201:
                self._redeem(data)
            if self._turn % _READ_EVERY == 0:
                self._ask("GET", "/api/v1/leaderboard/me")  # a replica answers it

    def _redeem(self, issued: dict[str, Any]) -> None:
        self._turn += 1
        action = Action(issued["action_id"], self._turn % 2 == 0, issued["points"])
        self._account.actions.append(action)
        headers = {"Idempotency-Key": uuid.uuid4().hex} if action.keyed else {}
        give_up_at = time.monotonic() + _GIVE_UP_SECONDS
        while action.outcome == "open" and time.monotonic() < give_up_at:
            path = f"/api/v1/actions/{action.action_id}/complete"
            status, data = self._ask("POST", path, {"token": issued["token"]}, headers)
            action.outcome = _outcome(status, data)
            if action.outcome == "open":
                # In flight is no doubt of its own: it is our earlier try, or its lease.
                action.doubtful = action.doubtful or status != 409
                gevent.sleep(_PAUSE_SECONDS)

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and data (the error's code when refused); status 0 when no answer came."""
        began = time.time()
        sent = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json", **(headers or {})}
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(*self._address, timeout=_ANSWER_SECONDS)
            self._connection.request(method, path, None if body is None else json.dumps(body), sent)
            response = self._connection.getresponse()
            text = response.read()
            if response.will_close:
                self._hang_up()
            answer = json.loads(text)
        except (OSError, http.client.HTTPException, ValueError):
            self._hang_up()
            self._account.note(began, 0, "")
            return 0, None
        code = answer["error"]["code"] if "error" in answer else ""
        self._account.note(began, response.status, code)
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
