"""From accounts to rates, with intervals over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from sklearn.metrics import roc_auc_score

from anticheat.model import THRESHOLD
from bench.fairness.intervals import of_mean, of_share
from bench.fairness.trial import Account
from bench.fairness.weeks import CHEATS, HONEST

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
    low, high = of_share(count, total)
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
    low, high = of_mean(rates)
    return {"rate": statistics.fmean(rates), "low": low, "high": high}


def _area(population: Population, level: Callable[[Account], float], *, beyond: bool = False) -> float:
    """Return how often a cheat scores above an honest player, half for equal; each kind of cheat counts the same."""
    honest = [level(account) for account in population if account.kind in _HONEST]
    names = [kind.name for kind in CHEATS if beyond or not kind.beyond]
    kinds = [[level(account) for account in population if account.kind == name] for name in names]
    return statistics.fmean(
        roc_auc_score([0] * len(honest) + [1] * len(levels), [*honest, *levels]) for levels in kinds
    )
