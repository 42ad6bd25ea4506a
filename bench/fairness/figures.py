"""From accounts to rates, with intervals over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from anticheat.model import THRESHOLD
from bench.fairness.hours import wilson
from bench.fairness.trial import Account
from bench.fairness.weeks import CHEATS, HONEST

# Of Student's distribution: 97.5% are below it, by degrees of freedom from 1 on.
_T = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09)

Population = Sequence[Account]
Ways: dict[str, Callable[[Account], float | None]] = {
    "rules": lambda one: one.flagged_by_rules,
    "model": lambda one: one.flagged_by_model,
    "both": lambda one: one.flagged,
}
_LEVELS: dict[str, Callable[[Account], float]] = {
    "rules": lambda one: one.suspicion,
    "model": lambda one: one.score,
    "both": lambda one: one.level,
}
_HONEST = frozenset(kind.name for kind in HONEST)
_NAIVE = frozenset(kind.name for kind in CHEATS if kind.naive)
_DAY, _SOON = 86_400.0, 20


def summarise(populations: Sequence[Population], seconds: float) -> dict[str, Any]:
    """All figures; a rate is `{"rate", "low", "high"}`, the mean over seeds and its 95% interval."""
    everybody = [one for population in populations for one in population]
    honest = [one for one in everybody if one.kind in _HONEST]
    naive = [[one for one in population if one.kind in _NAIVE] for population in populations]
    return {
        "seconds": round(seconds),
        "seeds": len(populations),
        "threshold": THRESHOLD,
        "honest_player_weeks": len(honest),
        "redemptions": sum(one.actions for one in everybody),
        "false_flags": {
            name: _per_thousand(sum(way(one) is not None for one in honest), len(honest)) for name, way in Ways.items()
        },
        "false_suspensions": _per_thousand(sum(one.suspended_after is not None for one in honest), len(honest)),
        "honest": [_honest(kind.name, honest, kind.held_out) for kind in HONEST],
        "cheats": [_cheat(kind.name, populations, kind.held_out, kind.naive) for kind in CHEATS],
        "naive_suspended_soon": _over([_share(some, _suspended_soon) for some in naive]),
        "roc_area": {name: _over([_area(some, level) for some in populations]) for name, level in _LEVELS.items()},
        "roc_area_of_all": _over([_area(some, _LEVELS["both"], beyond=True) for some in populations]),
    }


def _per_thousand(count: int, of: int) -> dict[str, float]:
    low, high = wilson(count, of)
    return {"count": count, "rate": 1000 * count / of, "low": 1000 * low, "high": 1000 * high}


def _honest(kind: str, honest: Population, held_out: bool) -> dict[str, Any]:
    own = [one for one in honest if one.kind == kind]
    found = {name: sum(way(one) is not None for one in own) for name, way in Ways.items()}
    scores = max(one.score for one in own)
    return {"kind": kind, "held_out": held_out, "weeks": len(own), "flagged": found, "highest_score": scores}


def _cheat(kind: str, populations: Sequence[Population], held_out: bool, naive: bool) -> dict[str, Any]:
    own = [[one for one in population if one.kind == kind] for population in populations]
    everyone = [one for some in own for one in some]
    return {
        "kind": kind,
        "held_out": held_out,
        "naive": naive,
        "accounts": len(everyone),
        "found": {name: _over([_share(some, _found(way)) for some in own]) for name, way in Ways.items()},
        "seconds": {name: _median([way(one) for one in everyone]) for name, way in Ways.items()},
        "suspended": _over([_share(some, lambda one: one.suspended_after is not None) for some in own]),
        "actions": _median([one.suspended_after for one in everyone]),
    }


def _found(way: Callable[[Account], float | None]) -> Callable[[Account], bool]:
    return lambda one: (at := way(one)) is not None and at <= _DAY


def _suspended_soon(one: Account) -> bool:
    return one.suspended_after is not None and one.suspended_after <= _SOON


def _share(some: Population, holds: Callable[[Account], bool]) -> float:
    return sum(map(holds, some)) / len(some)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _over(seeds: Sequence[float]) -> dict[str, float]:
    mean = statistics.fmean(seeds)
    off = _T[min(len(seeds), len(_T)) - 2] * statistics.stdev(seeds) / math.sqrt(len(seeds)) if len(seeds) > 1 else 0.0
    return {"rate": mean, "low": max(0.0, mean - off), "high": min(1.0, mean + off)}


def _area(population: Population, level: Callable[[Account], float], *, beyond: bool = False) -> float:
    """How often a cheat stands above an honest player, half for equal; each kind of cheat counts the same."""
    honest = [level(one) for one in population if one.kind in _HONEST]
    counted = [kind.name for kind in CHEATS if beyond or not kind.beyond]
    kinds = [[level(one) for one in population if one.kind == name] for name in counted]
    areas = [statistics.fmean(_above(value, honest) for value in some) for some in kinds]
    return statistics.fmean(areas)


def _above(value: float, honest: Sequence[float]) -> float:
    return sum(1.0 if value > other else 0.5 if value == other else 0.0 for other in honest) / len(honest)
