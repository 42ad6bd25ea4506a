"""The diary of an account: the plays of its week as the server would let them happen."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from anticheat.history import Completion
from bench.fairness.world import ALL_ACTIONS, DAY, MIDNIGHT, WEEK, Account

MINIMUM: Final = {name: action.limits.min_seconds for name, action in ALL_ACTIONS.items()}

_STARTS_A_MINUTE: Final = 60
_STARTS_FREED: Final = 8  # a client that was refused waits until so many starts are free again
_MOST_OPEN: Final = 10
_TOKEN_LIFE: Final = 590.0  # a token expires 10 minutes after its issue


@dataclass
class Diary:
    """Collect the plays of an account; starts wait for the server's limits, and plays outside the week are dropped.

    `play` takes plays in the order of their starts or nearly so. The clock starts at `free_at`.
    """

    plays: list[Completion] = field(default_factory=list)
    free_at: float = MIDNIGHT
    _starts: deque[float] = field(default_factory=lambda: deque(maxlen=_STARTS_A_MINUTE))
    _open: list[float] = field(default_factory=list)
    _planned: list[tuple[float, str, float]] = field(default_factory=list)

    def play(self, action_type: str, at: float, seconds: float, is_early: bool = False) -> float:
        """Start an action at `at` or as soon as the server allows; return the time of its end, `seconds` after that.

        A completion too soon after another is refused and retried; `is_early` is for clients that do not wait at all.
        """
        issued_at = self._start(at)
        completed_at = issued_at + seconds
        if not is_early:
            parallel = ALL_ACTIONS[action_type].limits.parallel
            since = issued_at if parallel > 1 else max(issued_at, self.free_at)
            completed_at = max(completed_at, since + MINIMUM[action_type] + 0.002)
        if completed_at - issued_at > _TOKEN_LIFE:
            self._open.append(issued_at + _TOKEN_LIFE)
            return completed_at
        self._open.append(completed_at)
        self.free_at = max(self.free_at, completed_at)
        if issued_at >= MIDNIGHT and completed_at < MIDNIGHT + WEEK:
            self.plays.append(Completion(action_type, issued_at, completed_at))
        return completed_at

    def plan(self, action_type: str, at: float, seconds: float) -> None:
        """Note an action for `play_planned`: for people with several open at once, whose starts come in no order."""
        self._planned.append((at, action_type, seconds))

    def play_planned(self) -> None:
        """Play the noted actions in the order of their starts."""
        for at, action_type, seconds in sorted(self._planned):
            self.play(action_type, at, seconds)
        self._planned.clear()

    def abandon(self, at: float) -> float:
        """Start an action that is never completed; return the time of the start."""
        issued_at = self._start(at)
        self._open.append(issued_at + _TOKEN_LIFE)
        return issued_at

    def _start(self, at: float) -> float:
        if self._starts:
            at = max(at, self._starts[-1] + 0.001)
        if len(self._starts) == _STARTS_A_MINUTE and at < self._starts[0] + 60.05:
            at = self._starts[_STARTS_FREED - 1] + 60.05
        if len(self._open) >= _MOST_OPEN:
            self._open = [end for end in self._open if end > at]
        if len(self._open) >= _MOST_OPEN:
            at = min(self._open) + 0.05
            self._open = [end for end in self._open if end > at]
        self._starts.append(at)
        return at

    def account(self, network: str, device: str, registered_at: float) -> Account:
        """Return the account of this diary, its plays in the order of completion."""
        return Account(sorted(self.plays, key=_completed_at), network, device, registered_at)


def _completed_at(play: Completion) -> float:
    return play.completed_at


def merged(diaries: Iterable[Diary]) -> Diary:
    """Return a diary of several people on one account, who take turns: nobody starts within another's play."""
    diary = Diary()
    plays = sorted((play for part in diaries for play in part.plays), key=lambda play: play.issued_at)
    for play in plays:
        if play.issued_at >= diary.free_at:
            diary.play(play.action_type, play.issued_at, play.completed_at - play.issued_at)
    return diary


def home_network(random_source: random.Random) -> str:
    """Return the network of a household; one in eight people is behind a big network that many share."""
    if random_source.random() < 0.12:
        return f"carrier-{int(random_source.paretovariate(0.7)) % 400}"
    return f"home-{random_source.getrandbits(44):x}"


def private_network(random_source: random.Random, place: str = "home") -> str:
    return f"{place}-{random_source.getrandbits(44):x}"


def common_device(random_source: random.Random) -> str:
    """Return a client's hint: few models are frequent, many are rare."""
    return f"model-{int(random_source.paretovariate(0.45)) % 3000}"


def past_registration(random_source: random.Random, median_days: float = 140.0) -> float:
    return MIDNIGHT - DAY * median_days * random_source.lognormvariate(0.0, 1.1)
