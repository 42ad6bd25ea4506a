"""Bounded gain in the simulation: an account that gains unusually much in 24 hours is assessed at once."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from anticheat.gain import GainEvidence, GainLimits, assess_gain, gain_limits, points_to_next, tireless_points_per_hour
from bench.fairness.clients import lognormal
from bench.fairness.live import THRESHOLDS, Scored
from bench.fairness.world import ALL_ACTIONS, DAY, HOUR, MIDNIGHT


@dataclass
class GainView:
    """The first case for gain, the holds, and the highest gain of 24 hours to the level of a case."""

    case_at: float | None = None
    holds: list[tuple[float, float]] = field(default_factory=list)
    level: float = 0.0

    def is_held_at(self, at: float) -> bool:
        """Return whether a hold lasts then."""
        return any(begin <= at < end for begin, end in self.holds)


_PAUSE: Final = 600.0  # seconds until a player who still gains much is looked at again


def limits_of(day_points: Iterable[Sequence[float]]) -> GainLimits:
    """Return the limits of these accounts' days."""
    action_types = [(action.points, action.limits.min_seconds, None) for action in ALL_ACTIONS.values()]
    return gain_limits(list(day_points), tireless_points_per_hour(action_types))


def points_by_day(scored: Sequence[Scored]) -> list[float]:
    """Return the points of each day of play."""
    days: dict[int, float] = {}
    for entry in scored:
        day = int((entry.at - MIDNIGHT) // DAY)
        days[day] = days.get(day, 0.0) + entry.points
    return list(days.values())


Hand = Callable[[float], float | None]
"""Return the learned model's evidence about the hand at a time, `None` for too few plays."""


def watched(
    scored: Sequence[Scored],
    limits: GainLimits,
    hand: Hand,
    case_at: float | None,
    rng: random.Random,
    *,
    is_honest: bool,
) -> GainView:
    """Watch one account. A moderator clears what an honest one has gained; a cheat stays in its case.

    `case_at`: the time of the first case of the rules or for a link. The podium is not simulated.
    """
    view, window, total = GainView(), deque[Scored](), 0.0
    next_look, look_after, accepted, decided_at = limits.high, -math.inf, 0.0, -math.inf
    hand_of_hour = cache(hand)
    for entry in scored:
        window.append(entry)
        total += entry.points
        while window[0].at <= entry.at - DAY:
            total -= window.popleft().points
        view.level = max(view.level, total / limits.ceiling)
        if total <= limits.high:
            next_look, look_after = limits.high, -math.inf
        if total <= limits.high or (total < next_look and entry.at < look_after):
            continue
        has_case = case_at is not None and case_at <= entry.at
        evidence = GainEvidence(entry.suspicion, THRESHOLDS.flag, has_case, hand_of_hour(entry.at - entry.at % HOUR))
        outcome = assess_gain(total, None, limits, evidence, accepted=accepted).outcome
        next_look, look_after = total + points_to_next(total, limits, accepted), entry.at + _PAUSE
        is_pending = entry.at < decided_at
        if outcome == "nothing" or (is_pending and (outcome == "case" or view.is_held_at(entry.at))):
            continue
        view.case_at = entry.at if view.case_at is None else view.case_at
        if not is_pending:
            decided_at = entry.at + lognormal(rng, 5 * HOUR, 0.8) if is_honest else math.inf
        accepted = max(accepted, total) if is_honest else accepted
        if outcome == "hold" and is_honest:
            view.holds.append((entry.at, decided_at))
    return view
