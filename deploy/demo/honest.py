"""Honest players: they wait as long as an action asks for, react like people, and are clumsy now and then."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from typing import Any, ClassVar

from deploy.demo.answers import Answer
from deploy.demo.player import DemoPlayer, IssuedAction, World, new_key

_RETRY_CHANCE, _FORGET_CHANCE, _REST_CHANCE = 0.03, 0.02, 0.02
_MIN_SECONDS = 0.15  # no person reacts sooner


@dataclass(frozen=True)
class Time:
    """A reaction time in seconds: mostly near the median, sometimes much longer, never below `_MIN_SECONDS`."""

    median: float
    spread: float

    def draw(self, rng: random.Random) -> float:
        return max(_MIN_SECONDS, self.median * math.exp(rng.gauss(0, self.spread)))


class Honest(DemoPlayer):
    """The common behaviour of all skills."""

    honest = True
    likes: ClassVar[dict[str, int]] = {}
    """Action type -> weight: how often it is played."""
    press: ClassVar[Time]
    """The time from the countdown's end to pressing complete."""
    pause: ClassVar[Time]
    """The time from seeing the points to starting the next action."""

    def __init__(self, world: World, name: str, rng: random.Random) -> None:
        super().__init__(world, name, rng)
        self._forgotten: IssuedAction | None = None

    def play(self) -> None:
        while True:
            action = self.issue(self._choose())
            if action is not None and self._forgotten is None and self.rng.random() < _FORGET_CHANCE:
                self._forgotten = action
                self.report("left", f"{action.slug} open and walked away")
            elif action is not None:
                self.wait(action.min_seconds + self.press.draw(self.rng))
                self._finish(action.timed())
            self._complete_forgotten()
            self.wait(self.pause.draw(self.rng))
            if self.rng.random() < _REST_CHANCE:
                self.wait(self.rng.uniform(15, 60))

    def _choose(self) -> dict[str, Any]:
        return self.pick(*self.rng.choices(list(self.likes), weights=list(self.likes.values())))

    def _finish(self, action: IssuedAction) -> None:
        """Redeem with an Idempotency-Key, so that a lost answer can be requested again."""
        key = new_key()
        first = self.redeem(action, key=key)
        if first.status != 200:
            self.world.tally.surprise(f"{self.name}, an honest {self.kind} player, got {first.refusal}")
        elif not first.replayed and self.rng.random() < _RETRY_CHANCE:
            self._send_again(action, key, first)

    def _send_again(self, action: IssuedAction, key: str, first: Answer) -> None:
        self.wait(self.rng.uniform(0.2, 1.0))
        second = self.complete(action, key=key)
        if second.status == 200 and second.replayed and second.data == first.data:
            self.report("repeated", f"{action.slug} sent again with its key: same answer, no points")
        else:
            self.world.tally.surprise(
                f"{self.name} sent {action.id} again and got {second.refusal}, not the first answer"
            )

    def _complete_forgotten(self) -> None:
        """Complete the action that was left open, when it is too late."""
        action = self._forgotten
        if action is None or time.monotonic() < action.expires + 1:
            return
        self._forgotten = None
        answer = self.complete(action, key=new_key())
        self.report("expired", f"{answer.refusal}  {action.slug} that was left open")
        if (answer.status, answer.code) != (401, "invalid_token"):
            self.world.tally.surprise(f"{self.name} completed {action.id} too late and got {answer.refusal}")


class Novice(Honest):
    kind = "novice"
    likes: ClassVar[dict[str, int]] = {"tap": 3, "quick-match": 6, "puzzle": 1}
    press, pause = Time(0.8, 0.4), Time(6.0, 0.6)


class Regular(Honest):
    kind = "regular"
    likes: ClassVar[dict[str, int]] = {"tap": 1, "quick-match": 5, "puzzle": 5, "boss-fight": 1}
    press, pause = Time(0.4, 0.25), Time(3.0, 0.5)


class Expert(Honest):
    kind = "expert"
    likes: ClassVar[dict[str, int]] = {"quick-match": 3, "puzzle": 5, "boss-fight": 5}
    press, pause = Time(0.23, 0.15), Time(0.8, 0.4)


class Runner(Honest):
    """A speedrunner, whose runs take as long as they take."""

    kind = "runner"
    likes: ClassVar[dict[str, int]] = {"speedrun": 1}
    press, pause = Time(4.0, 0.5), Time(4.0, 0.5)
