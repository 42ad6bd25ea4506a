"""What the rules and the model make of a simulated account, as the product would."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from anticheat.features import WINDOW_SECONDS, Plays, Vector, features, world_of
from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.model import Model
from anticheat.model import scores as scores_of
from anticheat.rules import ActionTypeLimits
from anticheat.suspicion import Suspicion
from anticheat.verdict import Outcome, judge
from bench.fairness.hours import MINIMUM, START, THRESHOLDS

EVERY = 6 * 3600.0
"""How often the model looks, in seconds, as the worker has it. It learns from whole days."""


@dataclass(frozen=True)
class ByRules:
    """The plays that were made, the last one a suspension's if there was one; which the first flag came at; the highest
    suspicion."""

    plays: Sequence[Completion]
    flagged: int | None
    suspended: bool
    peak: float


def by_rules(plays: Iterable[Completion]) -> ByRules:
    """Redemption by redemption, up to a suspension."""
    history: deque[Completion] = deque(maxlen=HISTORY_LENGTH)
    suspicion, made, flagged, peak = Suspicion(0, START), [], None, 0.0
    limits = {name: ActionTypeLimits(seconds) for name, seconds in MINIMUM.items()}
    for attempt in plays:
        verdict = judge(attempt, limits[attempt.action_type], history, suspicion, THRESHOLDS)
        suspicion, peak = verdict.suspicion, max(peak, verdict.suspicion.value)
        history.appendleft(attempt)
        made.append(attempt)
        if flagged is None and verdict.outcome is not Outcome.CLEAN:
            flagged = len(made)
        if verdict.outcome is Outcome.CRITICAL:
            return ByRules(made, flagged, True, peak)
    return ByRules(made, flagged, False, peak)


@dataclass(frozen=True)
class Window:
    """What the model was shown: an account's day up to `until`."""

    account: str
    until: float
    vector: Vector


def windows(everybody: Sequence[tuple[str, Sequence[Completion]]], every: float = EVERY) -> Iterator[Window]:
    """The model's looks at these accounts, each with those who played beside them."""
    looks: dict[float, list[tuple[str, Plays]]] = {}
    for account, plays in everybody:
        kinds = [play.action_type for play in plays]
        issued = np.array([play.issued_at for play in plays])
        times = np.array([play.completed_at for play in plays])
        for until in np.unique((times // every + 1) * every):
            part = slice(*np.searchsorted(times, [until - WINDOW_SECONDS, until]))
            looks.setdefault(float(until), []).append((account, Plays(kinds[part], issued[part], times[part])))
    for until, shown_then in looks.items():
        world = world_of([shown for _, shown in shown_then])
        for account, shown in shown_then:
            vector = features(shown, world, until)
            if vector is not None:
                yield Window(account, until, vector)


def scores(model: Model, found: Sequence[Window]) -> dict[str, list[tuple[float, float]]]:
    """Of each account: (until, score) of each look, in the order of time."""
    by_account: dict[str, list[tuple[float, float]]] = {}
    for window, score in zip(found, scores_of(model, [window.vector for window in found]), strict=True):
        by_account.setdefault(window.account, []).append((window.until, score))
    return {account: sorted(looks) for account, looks in by_account.items()}
