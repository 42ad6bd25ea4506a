"""The figures as tables."""

from __future__ import annotations

from typing import Any


def text(summary: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    return "\n".join([*_head(summary), "", *_false(summary), "", *_found(summary), "", *_honest(summary)])


def _head(summary: dict[str, Any]) -> list[str]:
    naive, area = summary["naive_suspended_soon"], summary["roc_area"]
    sample = f"{summary['seeds']} seeds, {summary['honest_player_weeks']:,} honest player-weeks"
    return [
        f"{sample}, {summary['redemptions']:,} redemptions, {summary['seconds']} s.",
        "",
        f"- Naive bots suspended within 20 actions: {_rate(naive)}.",
        "- Area under the ROC curve: " + ", ".join(f"{name} {_three(area[name])}" for name in area) + ".",
        f"- Both, with the kind that nothing tells from a person: {_three(summary['roc_area_of_all'])}.",
    ]


def _false(summary: dict[str, Any]) -> list[str]:
    flags = summary["false_flags"]
    rows = [(f"flags by {name}" if name != "both" else "flags by both", flags[name]) for name in flags]
    rows.append(("suspensions", summary["false_suspensions"]))
    return [
        "| of honest players, per 1,000 player-weeks | rate | 95% interval | count |",
        "| --- | --- | --- | --- |",
        *(
            f"| {name} | {rate['rate']:.2f} | {rate['low']:.2f} to {rate['high']:.2f} | {rate['count']} |"
            for name, rate in rows
        ),
    ]


def _found(summary: dict[str, Any]) -> list[str]:
    lines = [
        "| cheat | accounts | in a case within a day, median time: rules | model | both | suspended | after actions |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for cheat in summary["cheats"]:
        rates = cheat["found"]
        cells = [cheat["kind"] + ("*" if cheat["held_out"] else ""), f"{cheat['accounts']:,}"]
        cells += [f"{_rate(rates[name])}, {_time(cheat['seconds'][name])}" for name in ("rules", "model", "both")]
        cells += [_rate(cheat["suspended"]), _number(cheat["actions"])]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", "\\* held out: neither trained on nor used to choose a number"]


def _honest(summary: dict[str, Any]) -> list[str]:
    lines = [
        "| honest | player-weeks | flagged by rules | by the model | highest score |",
        "| --- | --- | --- | --- | --- |",
    ]
    for player in summary["honest"]:
        name, flags = player["kind"] + ("*" if player["held_out"] else ""), player["flagged"]
        lines.append(
            f"| {name} | {player['weeks']:,} | {flags['rules']} | {flags['model']} | {player['highest_score']:.1f} |"
        )
    return [*lines, "", f"A case is opened at a score of {summary['threshold']:g}."]


def _rate(rate: dict[str, float]) -> str:
    if rate["low"] == rate["high"]:
        return f"{rate['rate']:.0%}"
    return f"{rate['rate']:.0%} ({rate['low']:.0%} to {rate['high']:.0%})"


def _three(rate: dict[str, float]) -> str:
    return f"{rate['rate']:.3f} ({rate['low']:.3f} to {rate['high']:.3f})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
