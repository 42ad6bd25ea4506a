"""What the rules and the model make of a simulated account, as the product would."""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from anticheat.features import WINDOW_SECONDS, Play, Vector, World, count_runs, features
from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.model import Model, score
from anticheat.rules import Limits
from anticheat.suspicion import Suspicion
from anticheat.verdict import Outcome, judge
from bench.fairness.hours import MINIMUM, START, THRESHOLDS

EVERY = 6 * 3600.0
"""How often the model looks, in seconds: as the schedule of the worker has it."""


@dataclass(frozen=True)
class ByRules:
    """The plays that were made, the last one a suspension's if there was one; and which the first flag came at."""

    plays: Sequence[Completion]
    flagged: int | None
    suspended: bool


def by_rules(plays: Iterable[Completion]) -> ByRules:
    """Redemption by redemption, up to a suspension."""
    history: deque[Completion] = deque(maxlen=HISTORY_LENGTH)
    suspicion, made, flagged = Suspicion(0, START), [], None
    limits = {name: Limits(seconds) for name, seconds in MINIMUM.items()}
    for attempt in plays:
        verdict = judge(attempt, limits[attempt.action_type], history, suspicion, THRESHOLDS)
        suspicion = verdict.suspicion
        history.appendleft(attempt)
        made.append(attempt)
        if flagged is None and verdict.outcome is not Outcome.CLEAN:
            flagged = len(made)
        if verdict.outcome is Outcome.CRITICAL:
            return ByRules(made, flagged, suspended=True)
    return ByRules(made, flagged, suspended=False)


@dataclass(frozen=True)
class Window:
    """What the model was shown: an account's day up to `until`."""

    account: str
    until: float
    vector: Vector


def windows(everybody: Sequence[tuple[str, Sequence[Completion]]]) -> Iterator[Window]:
    """The model's looks at these accounts, each with those who played beside them."""
    looks: dict[float, list[tuple[str, list[Play]]]] = {}
    for account, plays in everybody:
        times = [play.completed_at for play in plays]
        for until in sorted({(time // EVERY + 1) * EVERY for time in times}):
            chosen = plays[bisect.bisect_left(times, until - WINDOW_SECONDS) : bisect.bisect_left(times, until)]
            shown = [Play(play.action_type, play.issued_at, play.completed_at) for play in chosen]
            looks.setdefault(until, []).append((account, shown))
    for until, shown_then in looks.items():
        world = World(MINIMUM, count_runs([plays for _, plays in shown_then]))
        for account, shown in shown_then:
            vector = features(shown, world, until)
            if vector is not None:
                yield Window(account, until, vector)


def scores(model: Model, found: Iterable[Window]) -> dict[str, list[tuple[float, float]]]:
    """Of each account: (until, score) of each look, in the order of time."""
    by_account: dict[str, list[tuple[float, float]]] = {}
    for window in found:
        by_account.setdefault(window.account, []).append((window.until, score(model, window.vector)))
    return {account: sorted(looks) for account, looks in by_account.items()}
