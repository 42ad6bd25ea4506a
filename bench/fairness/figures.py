"""From results to figures: rates with intervals, and the aims that they should meet."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from sklearn.metrics import roc_auc_score

from bench.fairness.intervals import of_mean, of_share
from bench.fairness.results import BOTH, WAYS, Result
from bench.fairness.world import DAY, WEEK

Results = Sequence[Result]
COLUMNS: Final = {
    "rules": ("rules",),
    "model": ("model",),
    "rules and model": BOTH,
    "links": ("links",),
    "gain": ("gain",),
    "all": WAYS,
}
UNUSUAL_SHARE: Final = 0.1
SOON: Final = 20  # actions after which a naive bot must be off the board


def summary(populations: Sequence[Results]) -> dict[str, Any]:
    """Return all figures; a rate has its 95% interval, `low` to `high`."""
    results = [result for population in populations for result in population]
    honest = [result for result in results if result.is_honest]
    cheats = [result for result in results if not result.is_honest]
    percentile = honest_percentile(honest)
    return {
        "seeds": len(populations),
        "mainstream_weeks": sum(not result.is_unusual for result in honest),
        "unusual_weeks": sum(result.is_unusual for result in honest),
        "cheat_accounts": len(cheats),
        "redemptions": sum(result.plays for result in results),
        "honest_percentile": percentile,
        "honest": [_honest_row(kind, group) for kind, group in _by_kind(honest)],
        "mainstream": _honest_row("mainstream", [result for result in honest if not result.is_unusual]),
        "unusual": _honest_row("unusual", [result for result in honest if result.is_unusual]),
        "cheats": [_cheat_row(kind, group, percentile) for kind, group in _by_kind(cheats)],
        "naive_off_board": rate(sum(map(_is_off_board_soon, _naive(cheats))), len(_naive(cheats))),
        "found": {
            name: {limit: _mean_found(cheats, ways, seconds) for limit, seconds in (("day", DAY), ("week", WEEK))}
            for name, ways in COLUMNS.items()
        },
        "gain_ratio": _ratio(cheats, percentile),
        "gain_ratio_honest": _ratio(honest, percentile),
        "roc": _roc_rows(populations),
    }


def honest_percentile(honest: Results) -> float:
    """Return the 99th percentile of the points of an honest day of play, of which UNUSUAL_SHARE are unusual players'.

    Each player counts the same, however many days they played.
    """
    points = [value for result in honest for value in result.day_points]
    if not points:
        return 0.0
    weights = [
        weight / len(result.day_points)
        for result, weight in zip(honest, _weights(honest, UNUSUAL_SHARE), strict=True)
        for _ in result.day_points
    ]
    order = np.argsort(points)
    total = np.cumsum(np.array(weights)[order])
    return float(np.array(points)[order][np.searchsorted(total, 0.99 * total[-1])])


def _by_kind(results: Results) -> list[tuple[str, list[Result]]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.kind, []).append(result)
    return list(groups.items())


def rate(count: int, total: int) -> dict[str, float]:
    """Return a count as a rate of 1."""
    if not total:
        return {"count": 0, "total": 0, "rate": 0.0, "low": 0.0, "high": 1.0}
    low, high = of_share(count, total)
    return {"count": count, "total": total, "rate": count / total, "low": low, "high": high}


def _honest_row(kind: str, group: Results) -> dict[str, Any]:
    weeks, holds = len(group), [hold for result in group for hold in result.holds]
    return {
        "kind": kind,
        "is_unusual": any(result.is_unusual for result in group),
        "weeks": weeks,
        "suspensions": rate(sum(result.suspensions > 0 for result in group), weeks),
        "holds": rate(sum(bool(result.holds) for result in group), weeks),
        "hold_count": len(holds),
        "hold_median": statistics.median(holds) if holds else None,
        "hold_longest": max(holds, default=None),
        "hold_total": sum(holds),
        "refusals": rate(sum(result.refused > 0 for result in group), weeks),
        "cases": {
            name: rate(sum(result.case_by(ways) is not None for result in group), weeks)
            for name, ways in COLUMNS.items()
        },
    }


def _cheat_row(kind: str, group: Results, percentile: float) -> dict[str, Any]:
    return {
        "kind": kind,
        "is_naive": any(result.is_naive for result in group),
        "accounts": len(group),
        "found": {
            name: {
                "day": rate(sum(_is_found(result, ways, DAY) for result in group), len(group)),
                "week": rate(sum(_is_found(result, ways, WEEK) for result in group), len(group)),
                "median": _median([result.case_by(ways) for result in group]),
            }
            for name, ways in COLUMNS.items()
        },
        "suspended": rate(sum(result.suspensions > 0 for result in group), len(group)),
        "off_board": rate(sum(map(_is_off_board_soon, group)), len(group)),
        "board_points": _median([result.board_points for result in group]),
        "gain_ratio": _ratio(group, percentile),
    }


def _naive(cheats: Results) -> list[Result]:
    return [result for result in cheats if result.is_naive]


def _is_off_board_soon(result: Result) -> bool:
    return result.off_board_after is not None and result.off_board_after <= SOON


def _is_found(result: Result, ways: Sequence[str], seconds: float) -> bool:
    at = result.case_by(ways)
    return at is not None and at <= seconds


def _mean_found(cheats: Results, ways: Sequence[str], seconds: float) -> dict[str, float]:
    """Return the share of cheats without the naive in a case by then: the mean over kinds, and its interval."""
    shares = [
        statistics.fmean(_is_found(result, ways, seconds) for result in group)
        for _, group in _by_kind([result for result in cheats if not result.is_naive])
    ]
    return _mean(shares) if shares else {"rate": 0.0, "low": 0.0, "high": 1.0}


def _mean(values: Sequence[float]) -> dict[str, float]:
    low, high = of_mean(values)
    return {"rate": statistics.fmean(values), "low": low, "high": high}


def _median(values: Sequence[float | None]) -> float | None:
    present_values = [value for value in values if value is not None]
    return statistics.median(present_values) if present_values else None


def _ratio(group: Results, percentile: float) -> float:
    return max((result.unnoticed for result in group), default=0.0) / percentile if percentile else 0.0


def _weights(honest: Results, unusual_share: float) -> list[float]:
    """Return the weight of each honest player, so that so many are unusual, each of their kinds as many."""
    sizes: dict[str, int] = {}
    for result in honest:
        sizes[result.kind] = sizes.get(result.kind, 0) + 1
    mainstream = sum(not result.is_unusual for result in honest)
    kinds = len({result.kind for result in honest if result.is_unusual})
    return [
        unusual_share / kinds / sizes[result.kind] if result.is_unusual else (1 - unusual_share) / mainstream
        for result in honest
    ]


def _roc_rows(populations: Sequence[Results]) -> list[dict[str, Any]]:
    rows = [
        _roc_row(name, populations, partial(Result.level_by, ways=COLUMNS[name]))
        for name in ("rules", "model", "rules and model", "all")
    ]
    conditions = dict.fromkeys(name for population in populations for result in population for name in result.learned)
    rows.extend(
        _roc_row(f"rules and model, learned from {name}", populations, partial(_level_with, name))
        for name in conditions
    )
    return rows


def _level_with(condition: str, result: Result) -> float:
    return max(result.levels.get("rules", 0.0), result.learned.get(condition, 0.0))


def _roc_row(name: str, populations: Sequence[Results], level: Callable[[Result], float]) -> dict[str, Any]:
    return {
        "name": name,
        "mainstream": _mean([roc_area(population, level, 0.0) for population in populations]),
        "unusual": _mean([roc_area(population, level, UNUSUAL_SHARE) for population in populations]),
    }


def roc_area(population: Results, level: Callable[[Result], float], unusual_share: float) -> float:
    """Return how often a cheat is above an honest player, half for equal; each kind of cheat counts the same."""
    honest = [result for result in population if result.is_honest]
    cheats = [result for result in population if not result.is_honest]
    sizes = {kind: len(group) for kind, group in _by_kind(cheats)}
    weights = [*_weights(honest, unusual_share), *(1 / sizes[result.kind] for result in cheats)]
    labels = [0] * len(honest) + [1] * len(cheats)
    return float(roc_auc_score(labels, [level(result) for result in [*honest, *cheats]], sample_weight=weights))
