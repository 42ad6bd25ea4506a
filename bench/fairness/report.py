"""The figures as tables for people."""

from __future__ import annotations

from typing import Any


def text(summary: dict[str, Any]) -> str:
    """Markdown."""
    return "\n".join([*_head(summary), "", *_false(summary), "", *_found(summary), "", *_honest(summary)])


def _head(summary: dict[str, Any]) -> list[str]:
    naive, area = summary["naive_suspended_soon"], summary["roc_area"]
    played = f"{summary['seeds']} seeds, {summary['honest_player_weeks']:,} honest player-weeks"
    return [
        f"{played}, {summary['redemptions']:,} redemptions, {summary['seconds']} s.",
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
            f"| {name} | {one['rate']:.2f} | {one['low']:.2f} to {one['high']:.2f} | {one['count']} |"
            for name, one in rows
        ),
    ]


def _found(summary: dict[str, Any]) -> list[str]:
    lines = [
        "| cheat | accounts | in a case within a day, median time: rules | model | both | suspended | after actions |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in summary["cheats"]:
        found = one["found"]
        cells = [one["kind"] + ("*" if one["held_out"] else ""), f"{one['accounts']:,}"]
        cells += [f"{_rate(found[name])}, {_time(one['seconds'][name])}" for name in ("rules", "model", "both")]
        cells += [_rate(one["suspended"]), _number(one["actions"])]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", "\\* held out: neither trained on nor used to choose a number"]


def _honest(summary: dict[str, Any]) -> list[str]:
    lines = [
        "| honest | player-weeks | flagged by rules | by the model | highest score |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in summary["honest"]:
        name, found = one["kind"] + ("*" if one["held_out"] else ""), one["flagged"]
        lines.append(
            f"| {name} | {one['weeks']:,} | {found['rules']} | {found['model']} | {one['highest_score']:.1f} |"
        )
    return [*lines, "", f"A case is opened at a score of {summary['threshold']:g}."]


def _rate(one: dict[str, float]) -> str:
    if one["low"] == one["high"]:
        return f"{one['rate']:.0%}"
    return f"{one['rate']:.0%} ({one['low']:.0%} to {one['high']:.0%})"


def _three(one: dict[str, float]) -> str:
    return f"{one['rate']:.3f} ({one['low']:.3f} to {one['high']:.3f})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
