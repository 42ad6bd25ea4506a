"""Players that redeem steadily and retry until an answer comes, with their requests and the answers."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import gevent
import httpx

from fairboard_client import FairboardError, Player, Retries

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
    """One player on one keep-alive connection. Every other action carries an Idempotency-Key.

    The Python client repeats a redemption until it is answered; between two tries it waits for `_PAUSE_SECONDS`
    instead of as long as the server asks for, so that the end of a failure is seen at once.
    """

    def __init__(self, address: tuple[str, int], token: str, account: PhaseAccount, seed: int) -> None:
        self._account = account
        self._random = random.Random(seed)
        self._http = httpx.Client(timeout=_ANSWER_SECONDS, verify=False, trust_env=False)
        url = "http://{}:{}".format(*address)
        retries = Retries(total=_GIVE_UP_SECONDS)
        self._patient = Player(url, token, retries=retries, http=self._http, wait=self._note_failed_try)
        self._hasty = Player(url, token, retries=Retries(total=0), http=self._http)
        self._turn, self._start = 0, 0.0
        self._action: SubmittedAction | None = None

    def play(self, mean_pause: float, stop: gevent.event.Event) -> None:
        """Issue, redeem and read, with random pauses, until `stop` is set; return when the last action is answered."""
        with self._http:
            while not stop.wait(self._random.expovariate(1 / mean_pause)):
                status, data = self._request(self._hasty, "POST", "/actions", {"action_type": "drill"})
                if status == 201:
                    self._redeem(data)
                if self._turn % _READ_EVERY == 0:
                    self._request(self._hasty, "GET", "/leaderboard/me")  # a replica answers it

    def _redeem(self, issued: dict[str, Any]) -> None:
        self._turn += 1
        result = self._random.randint(1, _MAX_RESULT)
        action = SubmittedAction(issued["action_id"], self._turn % 2 == 0, result)
        self._account.actions.append(action)
        path, body = f"/actions/{action.action_id}/complete", {"token": issued["token"], "result": result}
        key = action.action_id if action.keyed else None
        give_up_at = time.monotonic() + _GIVE_UP_SECONDS
        self._action = action
        while action.outcome == "open" and time.monotonic() < give_up_at:
            status, data = self._request(self._patient, "POST", path, body, key)
            action.outcome = _outcome(status, data)
            if action.outcome == "scored":
                action.seasons = {standing["board"]: standing["season"] for standing in data["standings"]}
            if action.outcome == "open":
                self._doubt(status)
                gevent.sleep(_PAUSE_SECONDS)
        self._action = None

    def _request(
        self, player: Player, method: str, path: str, body: dict[str, Any] | None = None, key: str | None = None
    ) -> tuple[int, Any]:
        """Send a request; return status and data (the error's code when refused), or status 0 when no answer came."""
        self._start = time.time()
        try:
            answer = player.request(method, path, body, key=key, repeat=True)
        except FairboardError as error:
            self._note(error)
            return error.status, error.code
        self._account.note(self._start, answer.status, "")
        return answer.status, answer.data

    def _note_failed_try(self, _: float, error: FairboardError) -> None:
        self._note(error)
        self._doubt(error.status)
        gevent.sleep(_PAUSE_SECONDS)
        self._start = time.time()

    def _note(self, error: FairboardError) -> None:
        self._account.note(self._start, error.status, error.code if error.status else "")

    def _doubt(self, status: int) -> None:
        """Note that the ledger may have the action. A 409 (in flight) adds no doubt: it is our earlier try."""
        if self._action is not None and status != 409:
            self._action.doubtful = True


def _outcome(status: int, data: Any) -> str:
    if status == 200:
        return "scored"
    if status == 0 or status >= 500 or status == 409:
        return "open"
    return "used" if data == "token_already_used" else "refused"
