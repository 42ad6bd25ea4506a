"""A simulated player: an account, its tokens, its socket, and the manners of a good client."""

from __future__ import annotations

import contextlib
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar
from uuid import uuid4

import httpx

from deploy.demo.answers import Answer, answer_of
from deploy.demo.board import SeenBoard, Socket
from deploy.demo.tally import Event, EventTally
from fairboard_client import FairboardError, Player, Retries, TokenPair

_ANSWER_SECONDS = 15.0  # a player waits this long for one answer
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
        retries = Retries(total=math.inf, first_pause=1.0, longest_pause=3.0, jitter=rng.random)
        self._http = httpx.Client(timeout=_ANSWER_SECONDS, trust_env=False)  # no proxy of the shell's
        self._client = Player(
            world.url, retries=retries, http=self._http, wait=self._wait_to_retry, on_tokens=self._renew_socket
        )
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
        """Send a request as a good client does: limits, outages and old tokens are handled; return the answer.

        Raises `Suspended` when the server reports it, `Stopped` when the demo ends meanwhile.
        """
        while True:
            answer = self._send(method, path, body, key)
            if answer.code == "account_suspended":
                raise Suspended
            if answer.code != "unauthorized":
                return answer
            self._sign_in_again()

    # Joining, staying and leaving.

    def _join(self) -> None:
        stem, number = self.name, 1
        while not (word := self._enter()):
            number += 1
            self.name = f"{stem}{number}"
        self.report("joined", word)
        self._socket = Socket(self.world.url, self.world.board, self._access_token, self._report_cut_off)

    def _enter(self) -> str:
        """Sign up; an honest player whose account is there already signs in. Return the way, or '' if neither works."""
        password = self.world.password(self.name)
        while True:
            try:
                self._client.register(self.name, password)
                return "signed up"
            except FairboardError as error:
                if error.status == 409 and self.honest:
                    break
                if 0 < error.status < 500:
                    return ""
                self._wait_to_retry(2, error)
        try:
            pair = self._client.login(self.name, password)
        except FairboardError:
            return ""
        return "signed in again" if pair["user"]["status"] == "active" else ""

    def _leave(self) -> None:
        if self._socket is not None:
            self._socket.close()
        with contextlib.suppress(FairboardError, Stopped):
            if self._client.tokens is not None:
                self._client.logout()
        self._http.close()

    def _sign_in_again(self) -> None:
        """Begin another login: the one before is gone, for example after the lost answer to a renewal."""
        self.wait(1.0)
        try:
            self._client.login(self.name, self.world.password(self.name))
        except FairboardError as error:
            self.report("refused", f"{error.status} {error.code}  signing in", code=error.code)
            self.wait(5)

    def _send(self, method: str, path: str, body: Any = None, key: str = "") -> Answer:
        # An action that is started twice is left open once, which costs nothing.
        return answer_of(lambda: self._client.request(method, path, body, key=key or None, repeat=True))

    def _wait_to_retry(self, seconds: float, error: FairboardError) -> None:
        """Report the reason of a retry, and wait. Raises `Stopped` when the demo ends meanwhile."""
        reason = f"{error.status} {error.code}" if error.status else error.message
        self.report("waiting", f"{reason}, retry after {seconds:.1f} s")
        self.wait(seconds)

    def _access_token(self) -> str:
        tokens = self._client.tokens
        return tokens["access_token"] if tokens else ""

    def _renew_socket(self, pair: TokenPair | None) -> None:
        if pair is not None and self._socket is not None:
            self._socket.renew()

    def _check_suspension(self) -> None:
        """Check the suspension as the player sees it: no rank any more."""
        me = self._send("GET", "/me")
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
