"""Cheaters, each with one trick. docs/api.md says how the server must react; any other reaction is a surprise."""

from __future__ import annotations

import base64
import json
import time
from typing import Any, ClassVar

from deploy.demo.player import DemoPlayer, IssuedAction

_MAX_OPEN_ACTIONS = 10  # a player may hold this many actions open


class Cheat(DemoPlayer):
    """A cheater; if `returns`, a suspended one comes back with a new account after a while."""

    returns: ClassVar[bool] = True


class TooFast(Cheat):
    """A cheater that completes when only a part of the time has gone by."""

    kind = "too fast"
    slug: ClassVar[str] = "quick-match"
    patience: ClassVar[float] = 0.0

    def play(self) -> None:
        while True:
            action = self.issue(self.pick(self.slug))
            if action is not None:
                self.wait(action.min_seconds * self.patience)
                self.redeem(action)
            self.wait(self.rng.uniform(1, 4))


class AlmostInTime(TooFast):
    """A cheater that waits four fifths of the time, hoping that no check is exact."""

    kind = "impatient"
    slug = "puzzle"
    patience = 0.8


class Clockwork(Cheat):
    """A script that is never too fast and completes at the same beat, to the millisecond."""

    kind = "clockwork"
    slug: ClassVar[str] = "quick-match"
    spare: ClassVar[float] = 0.15
    """Seconds of the beat beyond the action's minimum."""

    def play(self) -> None:
        kind = self.pick(self.slug)
        beat = kind["min_seconds"] + self.spare
        due = time.monotonic()
        while True:
            action = self.issue(kind)
            due = max(due + beat, time.monotonic() + kind["min_seconds"])  # a slow answer delays the beat
            self.wait(due - time.monotonic())
            if action is not None:
                self.redeem(action)


class Burst(Cheat):
    """A cheater that opens as many actions as it may hold, completes them all at once, and repeats that."""

    kind = "burst"
    slug: ClassVar[str] = "tap"

    def play(self) -> None:
        while True:
            for _ in range(2):
                actions = [self.issue(self.pick(self.slug)) for _ in range(_MAX_OPEN_ACTIONS)]
                for action in filter(None, actions):
                    self.redeem(action)
            self.wait(self.rng.uniform(8, 15))


class Replayer(Cheat):
    """A cheater that plays honestly, and then presents tokens that have been used."""

    kind = "replayer"

    def play(self) -> None:
        used: list[IssuedAction] = []
        while True:
            action = self.issue(self.pick("quick-match"))
            if action is not None:
                self.wait(action.min_seconds + self.rng.uniform(0.3, 1.5))
                if self.redeem(action).status == 200:
                    used = [*used[-9:], action]
            for old in self.rng.choices(used, k=10 if used else 0):
                self.wait(self.rng.uniform(0.3, 1))
                self._present(old)
            self.wait(self.rng.uniform(6, 15))

    def _present(self, old: IssuedAction) -> None:
        answer = self.complete(old)
        self.report("refused", f"{answer.refusal}  {old.slug}, used token", code=answer.code)
        if (answer.status, answer.code) != (403, "token_already_used"):
            self.world.tally.surprise(f"a used token of {self.name} got {answer.refusal}")


class Forger(Cheat):
    """A cheater that forges tokens with more worth or a made-up signature, and redeems the true ones at last."""

    kind = "forger"

    def play(self) -> None:
        while True:
            action = self.issue(self.pick("quick-match"))
            if action is not None:
                self.wait(action.min_seconds + self.rng.uniform(0.3, 1.5))
                for _ in range(5):
                    self._present(action, _forge_worth(action.token), "token worth more")
                    self.wait(self.rng.uniform(0.3, 1))
                    self._present(action, _forge_signature(action.token), "made-up signature")
                    self.wait(self.rng.uniform(0.3, 1))
                self.redeem(action)
            self.wait(self.rng.uniform(8, 20))

    def _present(self, action: IssuedAction, token: str, forgery: str) -> None:
        answer = self.complete(action, token=token)
        self.report("refused", f"{answer.refusal}  {action.slug}, {forgery}", code=answer.code)
        if (answer.status, answer.code) != (401, "invalid_signature"):
            self.world.tally.surprise(f"a forged token of {self.name} ({forgery}) got {answer.refusal}")


class Liar(Cheat):
    """A cheater that reports a third of the time that a run took."""

    kind = "liar"

    def play(self) -> None:
        while True:
            action = self.issue(self.pick("speedrun"))
            if action is not None:
                self.wait(action.min_seconds + self.rng.uniform(2, 8))
                self.redeem(action.timed(share=1 / 3))
            self.wait(self.rng.uniform(3, 8))


def _forge_signature(token: str) -> str:
    """Return the same token with an invented signature of the right shape."""
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{signature[::-1] if signature != signature[::-1] else 'A' * len(signature)}"


def _forge_worth(token: str) -> str:
    """Return a token whose small numbers are a thousand times as large, as far as a cheater can read its claims."""
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, IndexError):
        return _forge_signature(token)
    packed = json.dumps([_enlarge(value) for value in claims], separators=(",", ":")).encode()
    return ".".join([parts[0], base64.urlsafe_b64encode(packed).rstrip(b"=").decode(), *parts[2:]])


def _enlarge(value: Any) -> Any:
    return value * 1000 if isinstance(value, int) and value < 1000 else value
