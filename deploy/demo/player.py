"""A simulated player: an account, its tokens, its socket, and the manners of a good client."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar
from uuid import uuid4

from deploy.demo.api import Answer, Api, Unreachable
from deploy.demo.board import SeenBoard, Socket
from deploy.demo.tally import Event, EventTally

_RENEWED_AT = 0.7  # as a share of an access token's life
_SOCKET_SECONDS = 5.0  # the server closes the socket of a suspended player in milliseconds


class Stopped(Exception):
    """The demo ends."""


class Suspended(Exception):
    """The server has suspended this player."""


@dataclass(frozen=True)
class World:
    """The objects that all players share; `password(username)` is the same for a name as long as the data lives."""

    url: str
    stop: threading.Event
    tally: EventTally
    board: SeenBoard
    password: Callable[[str], str]


@dataclass(frozen=True)
class IssuedAction:
    """An issued action, with the requirements of its type. `began` and `expires` are on our monotonic clock.

    `is_run`: the player reports the milliseconds that it took, as `result`.
    """

    id: str
    token: str
    slug: str
    min_seconds: float
    began: float
    expires: float
    is_run: bool
    result: int | None = None

    def timed(self, share: float = 1.0) -> IssuedAction:
        """Return the action with the result of a run that ends now, or this share of it; another action as it is."""
        if not self.is_run:
            return self
        return replace(self, result=round((time.monotonic() - self.began) * 1000 * share))


class DemoPlayer:
    """One player in one thread: `run()` joins, plays until suspended or stopped, and signs out.

    A subclass defines `play()`, which never returns and is ended by `Suspended` or `Stopped`.
    """

    kind: ClassVar[str] = "player"
    honest: ClassVar[bool] = False

    def __init__(self, world: World, name: str, rng: random.Random) -> None:
        self.world, self.name, self.rng = world, name, rng
        self._api = Api(world.url)
        self._signed_in: dict[str, Any] = {}
        self._renew_at = 0.0
        self._socket: Socket | None = None
        self._cut_off = threading.Event()
        self._action_types: list[dict[str, Any]] = []

    def play(self) -> None:
        """Play one action after the other. Raises `Suspended` or `Stopped`."""
        raise Stopped

    def run(self) -> bool:
        """Play to the end; return whether that was a suspension."""
        try:
            self._join()
            self._action_types = self.call("GET", "/action-types").data
            self.play()
        except Suspended:
            with contextlib.suppress(Stopped):
                self._check_suspension()
            return True
        except Stopped:
            pass
        finally:
            self._leave()
        return False

    # The actions of players.

    def wait(self, seconds: float) -> None:
        """Let time pass. Raises `Stopped` at once when the demo ends."""
        if self.world.stop.wait(max(0.0, seconds)):
            raise Stopped

    def report(self, word: str, detail: str = "", **more: Any) -> None:
        """Report an event to the tally and the terminal."""
        self.world.tally.add(Event(self.name, self.kind, word, detail, **more))

    def pick(self, *slugs: str) -> dict[str, Any]:
        """Return the first of these action types that can be played here, else any with points that takes time."""
        types = {kind["slug"]: kind for kind in self._action_types}
        action_type = next((types[slug] for slug in slugs if slug in types), None)
        with_points = [kind for kind in self._action_types if kind["result_kind"] == "fixed"]
        return action_type or max(with_points, key=lambda kind: bool(kind["min_seconds"]))

    def issue(self, kind: dict[str, Any]) -> IssuedAction | None:
        """Return a new action, or report the refusal and return `None`."""
        answer = self.call("POST", "/actions", {"action_type": kind["slug"]})
        if answer.status != 201:
            self.report("refused", f"{answer.refusal}  {kind['slug']}", code=answer.code)
            return None
        data, now = answer.data, time.monotonic()
        is_run = kind["result_kind"] == "reported"
        return IssuedAction(
            data["action_id"], data["token"], kind["slug"], kind["min_seconds"], now, now + _seconds(data), is_run
        )

    def complete(self, action: IssuedAction, *, token: str = "", key: str = "") -> Answer:
        """Present the action's own token, or another, and return the answer; reports nothing."""
        path = f"/actions/{action.id}/complete"
        body: dict[str, Any] = {"token": token or action.token}
        if action.result is not None:
            body["result"] = action.result
        return self.call("POST", path, body, key=key)

    def redeem(self, action: IssuedAction, *, key: str = "") -> Answer:
        """Complete the action and report the result."""
        answer = self.complete(action, key=key)
        if answer.status == 200:
            score, rank = answer.data["score"]["current"], answer.data["rank"]
            result = {"points": answer.data["points"], "milliseconds": action.result, "score": score}
            self.report("scored", action.slug, **result, rank=rank["current"], previous_rank=rank["previous"])
        else:
            self.report("refused", f"{answer.refusal}  {action.slug}", code=answer.code)
        return answer

    def call(self, method: str, path: str, body: Any = None, *, key: str = "") -> Answer:
        """Send a request, and handle limits, outages and old tokens as a good client does.

        Raises `Suspended` when the server reports it, `Stopped` when the demo ends meanwhile.
        """
        if time.monotonic() > self._renew_at:
            self._renew()
        while True:
            answer = self._call_with_retries(method, path, body, bearer=self._signed_in["access_token"], key=key)
            if answer.code == "account_suspended":
                raise Suspended
            if answer.code == "in_progress":
                self.wait(0.3)
            elif answer.code == "too_soon":
                self.report("waiting", f"{answer.refusal}, retry after {answer.retry_after:g} s")
                self.wait(answer.retry_after)
            elif answer.code == "unauthorized":
                self.wait(1.0)
                self._renew()
            else:
                return answer

    # Joining, staying and leaving.

    def _join(self) -> None:
        stem, number = self.name, 1
        while True:
            credentials = {"username": self.name, "password": self.world.password(self.name)}
            answer = self._call_with_retries("POST", "/auth/register", credentials)
            if answer.status == 409 and self.honest:
                answer = self._call_with_retries("POST", "/auth/login", credentials)
            if answer.status in (200, 201) and answer.data["user"].get("status", "active") == "active":
                break
            if answer.status >= 500:
                self.report("waiting", answer.refusal)
                self.wait(2)
                continue
            number += 1
            self.name = f"{stem}{number}"
        self._store_login(answer)
        self.report("joined", "signed up" if answer.status == 201 else "signed in again")
        self._socket = Socket(
            self.world.url, self.world.board, lambda: str(self._signed_in["access_token"]), self._report_cut_off
        )

    def _leave(self) -> None:
        if self._socket is not None:
            self._socket.close()
        try:
            if self._signed_in:
                self._api.call("POST", "/auth/logout", bearer=self._signed_in["access_token"])
        except Unreachable:
            pass
        finally:
            self._api.close()

    def _store_login(self, answer: Answer) -> None:
        self._signed_in = answer.data
        self._renew_at = time.monotonic() + answer.data["expires_in"] * _RENEWED_AT

    def _renew(self) -> None:
        answer = self._call_with_retries("POST", "/auth/refresh", bearer=self._signed_in["refresh_token"])
        if answer.status != 200:  # the login is gone, for example after a lost answer: begin another
            credentials = {"username": self.name, "password": self.world.password(self.name)}
            answer = self._call_with_retries("POST", "/auth/login", credentials)
        if answer.status != 200:
            self.report("refused", f"{answer.refusal}  signing in", code=answer.code)
            self.wait(5)
            return
        self._store_login(answer)
        if self._socket is not None:
            self._socket.renew()

    def _call_with_retries(
        self, method: str, path: str, body: Any = None, *, bearer: str = "", key: str = ""
    ) -> Answer:
        """Send a request; retry after an outage, and after as long as the server asks for."""
        while True:
            try:
                answer = self._api.call(method, path, body, bearer=bearer, key=key)
            except Unreachable as error:
                self.report("waiting", f"no answer ({error})")
                self.wait(self.rng.uniform(1, 3))
                continue
            if answer.status not in (429, 503):
                return answer
            self.report("waiting", f"{answer.refusal}, retry after {answer.retry_after:g} s")
            self.wait(answer.retry_after + self.rng.uniform(0, 0.5))

    def _check_suspension(self) -> None:
        """Check the suspension as the player sees it: no rank any more."""
        me = self._call_with_retries("GET", "/me", bearer=self._signed_in["access_token"])
        profile = me.data or {}
        if profile.get("status") != "suspended" or profile.get("rank") is not None:
            self.world.tally.surprise(f"{self.name} is suspended, yet GET /me says {profile or me.refusal}")
        if self.honest:
            self.world.tally.surprise(f"{self.name}, an honest {self.kind} player, was suspended")
        self.report("suspended", "403 account_suspended; off the board", score=profile.get("score"))
        self._cut_off.wait(_SOCKET_SECONDS)

    def _report_cut_off(self, code: str) -> None:
        self._cut_off.set()
        self.report("cut off", f"the server closed its socket: {code}")


def new_key() -> str:
    """Return an Idempotency-Key that no run has used before."""
    return str(uuid4())


def _seconds(issued: dict[str, Any]) -> float:
    """Return how long an action lives, by the server's clock alone."""
    begin, end = (datetime.fromisoformat(issued[name]) for name in ("issued_at", "expires_at"))
    return (end - begin).total_seconds()
