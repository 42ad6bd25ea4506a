"""Bounded gain in the simulation: an account that gains unusually much in 24 hours is assessed at once."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

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


def watched(
    scored: Sequence[Scored],
    limits: GainLimits,
    model_level: Callable[[float], float],
    case_at: float | None,
    rng: random.Random,
    *,
    is_honest: bool,
) -> GainView:
    """Watch one account. A moderator clears what an honest one has gained; a cheat stays held.

    `model_level` tells the learned model's level at a time, `case_at` the time of the first case for another reason.
    The podium is not simulated.
    """
    view, window, total = GainView(), deque[Scored](), 0.0
    next_look, accepted, decided_at = limits.high, 0.0, 0.0
    for entry in scored:
        window.append(entry)
        total += entry.points
        while window[0].at <= entry.at - DAY:
            total -= window.popleft().points
        view.level = max(view.level, total / limits.ceiling)
        if total <= limits.high:
            next_look = limits.high
        if total < next_look or entry.at < decided_at:
            continue
        hours = len({int(other.at // HOUR) for other in window})
        has_case = case_at is not None and case_at <= entry.at
        evidence = GainEvidence(entry.suspicion, THRESHOLDS.flag, hours, has_case, model_level(entry.at), 1.0)
        outcome = assess_gain(total, None, limits, evidence, accepted=accepted).outcome
        next_look = total + points_to_next(total, limits, accepted)
        if outcome == "nothing":
            continue
        view.case_at = entry.at if view.case_at is None else view.case_at
        decided_at = entry.at + lognormal(rng, 5 * HOUR, 0.8) if is_honest else float("inf")
        accepted = max(accepted, total) if is_honest else accepted
        if outcome == "hold" and is_honest:
            view.holds.append((entry.at, decided_at))
    return view
