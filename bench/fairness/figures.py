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

# Student's t: 97.5% of the distribution are below these values, by degrees of freedom from 1 on.
_T = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09)

Population = Sequence[Account]
Ways: dict[str, Callable[[Account], float | None]] = {
    "rules": lambda account: account.flagged_by_rules,
    "model": lambda account: account.flagged_by_model,
    "both": lambda account: account.flagged,
}
_LEVELS: dict[str, Callable[[Account], float]] = {
    "rules": lambda account: account.suspicion,
    "model": lambda account: account.score,
    "both": lambda account: account.level,
}
_HONEST = frozenset(kind.name for kind in HONEST)
_NAIVE = frozenset(kind.name for kind in CHEATS if kind.naive)
_DAY, _SOON = 86_400.0, 20


def summarise(populations: Sequence[Population], seconds: float) -> dict[str, Any]:
    """Return all figures; a rate is `{"rate", "low", "high"}`, the mean over seeds and its 95% interval."""
    accounts = [account for population in populations for account in population]
    honest = [account for account in accounts if account.kind in _HONEST]
    naive = [[account for account in population if account.kind in _NAIVE] for population in populations]
    return {
        "seconds": round(seconds),
        "seeds": len(populations),
        "threshold": THRESHOLD,
        "honest_player_weeks": len(honest),
        "redemptions": sum(account.actions for account in accounts),
        "false_flags": {
            name: _per_thousand(sum(way(account) is not None for account in honest), len(honest))
            for name, way in Ways.items()
        },
        "false_suspensions": _per_thousand(sum(account.suspended_after is not None for account in honest), len(honest)),
        "honest": [_honest_row(kind.name, honest, kind.held_out) for kind in HONEST],
        "cheats": [_cheat_row(kind.name, populations, kind.held_out, kind.naive) for kind in CHEATS],
        "naive_suspended_soon": _interval([_share(group, _suspended_soon) for group in naive]),
        "roc_area": {
            name: _interval([_area(group, level) for group in populations]) for name, level in _LEVELS.items()
        },
        "roc_area_of_all": _interval([_area(group, _LEVELS["both"], beyond=True) for group in populations]),
    }


def _per_thousand(count: int, total: int) -> dict[str, float]:
    low, high = wilson(count, total)
    return {"count": count, "rate": 1000 * count / total, "low": 1000 * low, "high": 1000 * high}


def _honest_row(kind: str, honest: Population, held_out: bool) -> dict[str, Any]:
    accounts = [account for account in honest if account.kind == kind]
    flag_counts = {name: sum(way(account) is not None for account in accounts) for name, way in Ways.items()}
    highest_score = max(account.score for account in accounts)
    return {
        "kind": kind,
        "held_out": held_out,
        "weeks": len(accounts),
        "flagged": flag_counts,
        "highest_score": highest_score,
    }


def _cheat_row(kind: str, populations: Sequence[Population], held_out: bool, naive: bool) -> dict[str, Any]:
    groups = [[account for account in population if account.kind == kind] for population in populations]
    accounts = [account for group in groups for account in group]
    return {
        "kind": kind,
        "held_out": held_out,
        "naive": naive,
        "accounts": len(accounts),
        "found": {
            name: _interval([_share(group, _found_within_a_day(way)) for group in groups]) for name, way in Ways.items()
        },
        "seconds": {name: _median([way(account) for account in accounts]) for name, way in Ways.items()},
        "suspended": _interval(
            [_share(group, lambda account: account.suspended_after is not None) for group in groups]
        ),
        "actions": _median([account.suspended_after for account in accounts]),
    }


def _found_within_a_day(way: Callable[[Account], float | None]) -> Callable[[Account], bool]:
    return lambda account: (seconds := way(account)) is not None and seconds <= _DAY


def _suspended_soon(account: Account) -> bool:
    return account.suspended_after is not None and account.suspended_after <= _SOON


def _share(accounts: Population, holds: Callable[[Account], bool]) -> float:
    return sum(map(holds, accounts)) / len(accounts)


def _median(values: Sequence[float | None]) -> float | None:
    present_values = [value for value in values if value is not None]
    return statistics.median(present_values) if present_values else None


def _interval(rates: Sequence[float]) -> dict[str, float]:
    mean = statistics.fmean(rates)
    margin = (
        _T[min(len(rates), len(_T)) - 2] * statistics.stdev(rates) / math.sqrt(len(rates)) if len(rates) > 1 else 0.0
    )
    return {"rate": mean, "low": max(0.0, mean - margin), "high": min(1.0, mean + margin)}


def _area(population: Population, level: Callable[[Account], float], *, beyond: bool = False) -> float:
    """Return how often a cheat scores above an honest player, half for equal; each kind of cheat counts the same."""
    honest = [level(account) for account in population if account.kind in _HONEST]
    names = [kind.name for kind in CHEATS if beyond or not kind.beyond]
    kinds = [[level(account) for account in population if account.kind == name] for name in names]
    areas = [statistics.fmean(_above(value, honest) for value in levels) for levels in kinds]
    return statistics.fmean(areas)


def _above(value: float, honest: Sequence[float]) -> float:
    return sum(1.0 if value > honest_value else 0.5 if value == honest_value else 0.0 for honest_value in honest) / len(
        honest
    )
