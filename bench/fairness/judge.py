"""The judgement of the rules and the model on a simulated account, as in the product."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from anticheat.features import WINDOW_SECONDS, Plays, Vector, features, population_of
from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.model import Model
from anticheat.model import scores as scores_of
from anticheat.rules import ActionTypeLimits
from anticheat.suspicion import Suspicion
from anticheat.verdict import Outcome, Thresholds, judge
from bench.fairness.players import MINIMUM, START

# Without a ceiling for soft evidence, which measures what the rules alone would suspend.
THRESHOLDS = Thresholds(flag=30, reject=60, critical=100, half_life=1800, hold=60, soft_ceiling=math.inf)
EVERY = 6 * 3600.0
"""Seconds between two scorings by the model, as in the worker. It learns from whole days."""


@dataclass(frozen=True)
class ByRules:
    """The plays up to a suspension, the number of the first flagged play, and the highest suspicion."""

    plays: Sequence[Completion]
    flagged: int | None
    suspended: bool
    peak: float


def by_rules(plays: Iterable[Completion]) -> ByRules:
    """Judge redemption by redemption, up to a suspension."""
    history: deque[Completion] = deque(maxlen=HISTORY_LENGTH)
    suspicion, judged_plays, flagged, peak = Suspicion(0, START), [], None, 0.0
    limits = {name: ActionTypeLimits(seconds) for name, seconds in MINIMUM.items()}
    for attempt in plays:
        verdict = judge(attempt, limits[attempt.action_type], history, suspicion, THRESHOLDS)
        suspicion, peak = verdict.suspicion, max(peak, verdict.suspicion.value)
        if verdict.outcome is Outcome.TOO_SOON:
            continue
        history.appendleft(attempt)
        judged_plays.append(attempt)
        if flagged is None and verdict.outcome is not Outcome.CLEAN:
            flagged = len(judged_plays)
        if verdict.outcome is Outcome.CRITICAL:
            return ByRules(judged_plays, flagged, True, peak)
    return ByRules(judged_plays, flagged, False, peak)


@dataclass(frozen=True)
class ScoredWindow:
    """The model's input: an account's day up to `until`."""

    account: str
    until: float
    vector: Vector


def windows(accounts: Sequence[tuple[str, Sequence[Completion]]], every: float = EVERY) -> Iterator[ScoredWindow]:
    """Yield the model's windows of these accounts, each computed with the accounts that played at the same time."""
    plays_by_end: dict[float, list[tuple[str, Plays]]] = {}
    for account, plays in accounts:
        kinds = [play.action_type for play in plays]
        issued = np.array([play.issued_at for play in plays])
        times = np.array([play.completed_at for play in plays])
        for until in np.unique((times // every + 1) * every):
            part = slice(*np.searchsorted(times, [until - WINDOW_SECONDS, until]))
            plays_by_end.setdefault(float(until), []).append((account, Plays(kinds[part], issued[part], times[part])))
    for until, account_plays in plays_by_end.items():
        population = population_of([window_plays for _, window_plays in account_plays])
        for account, window_plays in account_plays:
            vector = features(window_plays, population, until)
            if vector is not None:
                yield ScoredWindow(account, until, vector)


def scores(model: Model, scored_windows: Sequence[ScoredWindow]) -> dict[str, list[tuple[float, float]]]:
    """Return the (until, score) pairs of each account, in the order of time."""
    by_account: dict[str, list[tuple[float, float]]] = {}
    for window, score in zip(
        scored_windows, scores_of(model, [window.vector for window in scored_windows]), strict=True
    ):
        by_account.setdefault(window.account, []).append((window.until, score))
    return {account: sorted(pairs) for account, pairs in by_account.items()}
