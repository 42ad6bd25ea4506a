"""The figures as tables in Markdown, with the aim beside each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench.fairness.aims import aims
from bench.fairness.figures import COLUMNS

_THOUSAND: Final = 1000


def text(summary: Mapping[str, Any]) -> str:
    """Return the tables."""
    parts = [_head(summary), _aims(summary), _honest(summary), _cases(summary), _found(summary), _roc(summary)]
    if summary.get("small"):
        parts.append(_small(summary))
    return "\n\n".join("\n".join(lines) for lines in parts)


def _head(summary: Mapping[str, Any]) -> list[str]:
    sizes = (
        f"{summary['seeds']} seeds, {summary['mainstream_weeks']:,} mainstream and {summary['unusual_weeks']:,} "
        f"unusual honest player-weeks, {summary['cheat_accounts']:,} cheating accounts, "
        f"{summary['redemptions']:,} redemptions, {summary['seconds']:,} s"
    )
    return [f"{summary['date']}, `{summary['command']}`: the {summary['kinds']} kinds, {sizes}. Intervals are of 95%."]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_line(header), _line(["---"] * len(header)), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _aims(summary: Mapping[str, Any]) -> list[str]:
    rows = [[aim.name, aim.figure, aim.target, "met" if aim.is_met else "**not met**"] for aim in aims(summary)]
    return _table(("aim", "figure", "should be", ""), rows)


def _honest(summary: Mapping[str, Any]) -> list[str]:
    header = ("honest, per 1,000 player-weeks", "weeks", "suspended", "held", "holds", "median", "longest", "refused")
    rows = [
        [
            row["kind"] + (" (unusual)" if row["is_unusual"] and row["kind"] != "unusual" else ""),
            f"{row['weeks']:,}",
            _per_thousand(row["suspensions"]),
            _per_thousand(row["holds"]),
            f"{row['hold_count']:,}",
            _time(row["hold_median"]),
            _time(row["hold_longest"]),
            _per_thousand(row["refusals"]),
        ]
        for row in _honest_rows(summary)
    ]
    return _table(header, rows)


def _honest_rows(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [summary["mainstream"], summary["unusual"], *summary["honest"]]


def _cases(summary: Mapping[str, Any]) -> list[str]:
    header = ("honest, in a case, per 1,000 player-weeks", *(f"by {name}" for name in COLUMNS))
    rows = [
        [row["kind"], *(_per_thousand(row["cases"][name], is_short=True) for name in COLUMNS)]
        for row in _honest_rows(summary)
        if row["kind"] in ("mainstream", "unusual") or row["cases"]["all"]["count"]
    ]
    return _table(header, rows)


def _found(summary: Mapping[str, Any]) -> list[str]:
    columns = [name for name in COLUMNS if name != "all"]
    header = (
        "cheat",
        "accounts",
        *(f"{name}: a day, a week" for name in columns),
        "all: a day, a week (median time)",
        "off the board in 20",
        "suspended",
        "points before",
        "best unnoticed day",
    )
    rows = []
    for row in summary["cheats"]:
        shares, total = row["found"], row["found"]["all"]
        rows.append(
            [
                row["kind"] + (" (naive)" if row["is_naive"] else ""),
                f"{row['accounts']:,}",
                *(f"{shares[name]['day']['rate']:.0%}, {shares[name]['week']['rate']:.0%}" for name in columns),
                f"{_share(total['day'])}, {_share(total['week'])} ({_time(total['median'])})",
                f"{row['off_board']['rate']:.0%}",
                f"{row['suspended']['rate']:.0%}",
                f"{row['board_points']:,.0f}",
                f"{row['gain_ratio']:.1f}",
            ]
        )
    unit = (
        f"The best unnoticed day is in multiples of the honest 99th percentile, {summary['honest_percentile']:,.0f} "
        f"points; of an honest player in no case it is up to {summary['gain_ratio_honest']:.1f}."
    )
    return [*_table(header, rows), "", unit]


def _roc(summary: Mapping[str, Any]) -> list[str]:
    rows = [[row["name"], _area(row["mainstream"]), _area(row["unusual"])] for row in summary["roc"]]
    return _table(("area under the ROC curve", "against the mainstream", "with 10% unusual players"), rows)


def _small(summary: Mapping[str, Any]) -> list[str]:
    header = (
        "players",
        "servers",
        "honest in a case, per 1,000 weeks",
        "cheats in a case within a day",
        "a week",
        "ROC",
    )
    rows = [
        [
            f"{row['players']}",
            f"{row['servers']:,}",
            _per_thousand(row["cases"]),
            _share(row["day"]),
            _share(row["week"]),
            f"{row['roc']:.3f}",
        ]
        for row in summary["small"]
    ]
    return _table(header, rows)


def _per_thousand(rate: Mapping[str, float], *, is_short: bool = False) -> str:
    value = f"{_THOUSAND * rate['rate']:.1f}"
    return value if is_short else f"{value} ({_THOUSAND * rate['low']:.1f} to {_THOUSAND * rate['high']:.1f})"


def _share(rate: Mapping[str, float]) -> str:
    return f"{rate['rate']:.0%} ({rate['low']:.0%} to {rate['high']:.0%})"


def _area(rate: Mapping[str, float]) -> str:
    return f"{rate['rate']:.3f} ({rate['low']:.3f} to {rate['high']:.3f})"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
