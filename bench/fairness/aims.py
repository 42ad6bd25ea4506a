"""The aims of the project for honest players and against cheats, compared with the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Aim:
    """A figure in words, with its target and whether it is met."""

    name: str
    figure: str
    target: str
    is_met: bool


def aims(summary: Mapping[str, Any]) -> list[Aim]:
    """Return each aim; a rate meets it by its own value, the interval stands beside it."""
    mainstream, unusual = summary["mainstream"], summary["unusual"]
    suspended = mainstream["suspensions"]["count"] + unusual["suspensions"]["count"]
    weeks = summary["mainstream_weeks"] + summary["unusual_weeks"]
    in_case, roc = summary["found"]["all"], {row["name"]: row for row in summary["roc"]}["all"]
    return [
        Aim("honest players suspended", f"{suspended} in {weeks:,} player-weeks", "0 in 10,000", not suspended),
        _at_most("mainstream players held, per 1,000 weeks", mainstream["holds"], 1),
        _at_most("unusual players held, per 1,000 weeks", unusual["holds"], 5),
        _at_least("naive bots off the board within 20 actions", summary["naive_off_board"], 1.0),
        _at_least("cheats that aren't naive in a case within a day, mean over kinds", in_case["day"], 0.6),
        _at_least("the same within a week", in_case["week"], 0.8),
        _area("ROC area, by all ways", roc["mainstream"], 0.97),
        _area("the same with 10% unusual players", roc["unusual"], 0.95),
        Aim(
            "most points a day of an unnoticed cheat, to the honest 99th percentile",
            f"{summary['gain_ratio']:.2f}",
            "at most 1.5",
            summary["gain_ratio"] <= 1.5,
        ),
    ]


def _at_most(name: str, rate: Mapping[str, float], most: float) -> Aim:
    figure = f"{1000 * rate['rate']:.1f} ({1000 * rate['low']:.1f} to {1000 * rate['high']:.1f})"
    return Aim(name, figure, f"at most {most:g}", 1000 * rate["rate"] <= most)


def _at_least(name: str, rate: Mapping[str, float], least: float) -> Aim:
    figure = f"{rate['rate']:.1%} ({rate['low']:.1%} to {rate['high']:.1%})"
    return Aim(name, figure, "all" if least == 1 else f"at least {least:.0%}", rate["rate"] >= least)


def _area(name: str, rate: Mapping[str, float], least: float) -> Aim:
    figure = f"{rate['rate']:.3f} ({rate['low']:.3f} to {rate['high']:.3f})"
    return Aim(name, figure, f"at least {least:g}", rate["rate"] >= least)
