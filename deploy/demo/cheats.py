"""Cheaters, each with one trick. What the server must make of it is in the contract; anything else is a surprise."""

from __future__ import annotations

import base64
import json
import time
from typing import Any, ClassVar

from deploy.demo.player import Action, Player

_HELD = 10  # the most actions that a player may hold open


class Cheat(Player):
    """`returns`: suspended, they come back with a new account after a while."""

    returns: ClassVar[bool] = True


class TooFast(Cheat):
    """Completes when only a part of the time has gone by."""

    kind = "too fast"
    patience: ClassVar[float] = 0.0

    def play(self) -> None:
        while True:
            action = self.issue(self.pick("quick-match"))
            if action is not None:
                self.wait(action.min_seconds * self.patience)
                self.redeem(action)
            self.wait(self.rng.uniform(1, 4))


class AlmostInTime(TooFast):
    """Waits nine tenths of the time, hoping that nobody looks closely."""

    kind = "impatient"
    patience = 0.9


class Clockwork(Cheat):
    """A script that is never too fast and completes at the same beat, to the millisecond."""

    kind = "clockwork"
    slug: ClassVar[str] = "quick-match"
    spare: ClassVar[float] = 0.15
    """Seconds of the beat beyond what the action asks for."""

    def play(self) -> None:
        kind = self.pick(self.slug)
        beat = kind["min_seconds"] + self.spare
        due = time.monotonic()
        while True:
            action = self.issue(kind)
            due = max(due + beat, time.monotonic())
            self.wait(due - time.monotonic())
            if action is not None:
                self.redeem(action)


class Burst(Cheat):
    """Opens as many actions as it may hold, completes them all at once, and again."""

    kind = "burst"

    def play(self) -> None:
        while True:
            for _ in range(2):
                opened = [self.issue(self.pick("tap")) for _ in range(_HELD)]
                for action in filter(None, opened):
                    self.redeem(action)
            self.wait(self.rng.uniform(8, 15))


class Replayer(Cheat):
    """Plays honestly, and then presents tokens that have been used."""

    kind = "replayer"

    def play(self) -> None:
        used: list[Action] = []
        while True:
            action = self.issue(self.pick("quick-match"))
            if action is not None:
                self.wait(action.min_seconds + self.rng.uniform(0.3, 1.5))
                if self.redeem(action).status == 200:
                    used = [*used[-9:], action]
            for old in self.rng.choices(used, k=10 if used else 0):
                self.wait(self.rng.uniform(0.3, 1))
                self._try(old)
            self.wait(self.rng.uniform(6, 15))

    def _try(self, old: Action) -> None:
        answer = self.complete(old)
        self.tell("refused", f"{answer.refusal}  {old.slug}, used token", code=answer.code)
        if (answer.status, answer.code) != (403, "token_already_used"):
            self.world.tally.surprise(f"a used token of {self.name} got {answer.refusal}")


class Forger(Cheat):
    """Makes tokens worth more than they are, or with a made-up signature, and cashes the true ones at last."""

    kind = "forger"

    def play(self) -> None:
        while True:
            action = self.issue(self.pick("quick-match"))
            if action is not None:
                self.wait(action.min_seconds + self.rng.uniform(0.3, 1.5))
                for _ in range(5):
                    self._try(action, _worth_more(action.token), "token worth more")
                    self.wait(self.rng.uniform(0.3, 1))
                    self._try(action, _signed_anyhow(action.token), "made-up signature")
                    self.wait(self.rng.uniform(0.3, 1))
                self.redeem(action)
            self.wait(self.rng.uniform(8, 20))

    def _try(self, action: Action, token: str, how: str) -> None:
        answer = self.complete(action, token=token)
        self.tell("refused", f"{answer.refusal}  {action.slug}, {how}", code=answer.code)
        if (answer.status, answer.code) != (401, "invalid_signature"):
            self.world.tally.surprise(f"a forged token of {self.name} ({how}) got {answer.refusal}")


def _signed_anyhow(token: str) -> str:
    """The same token with a signature of the right shape that nobody made."""
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{signature[::-1] if signature != signature[::-1] else 'A' * len(signature)}"


def _worth_more(token: str) -> str:
    """With every small number in what it promises a thousand times as large, as far as a cheater can read it."""
    parts = token.split(".")
    try:
        promise = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, IndexError):
        return _signed_anyhow(token)
    packed = json.dumps([_more(value) for value in promise], separators=(",", ":")).encode()
    return ".".join([parts[0], base64.urlsafe_b64encode(packed).rstrip(b"=").decode(), *parts[2:]])


def _more(value: Any) -> Any:
    return value * 1000 if isinstance(value, int) and value < 1000 else value
