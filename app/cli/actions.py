"""`flask actions`: what can be played."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from app.cli.commands import Commands, as_json, container, example
from app.cli.identity import operator, request_id
from app.cli.output import emit, safe, table
from app.domain.action_types import EXPECTED
from app.domain.boards import MAIN, ActionType

_COLUMNS = ("slug", "name", "points", "min_seconds", *EXPECTED, "board", "burst", "per_minute")


class SecondsOrNone(click.ParamType[float | str]):
    """Seconds, or the word `none`."""

    name = "seconds|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        if value == "none":
            return "none"
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number of seconds nor 'none'.", param, ctx)


class CountOrDefault(click.ParamType[int | str]):
    """A whole number, or the word `default`."""

    name = "count|default"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == "default":
            return "default"
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a whole number nor 'default'.", param, ctx)


def _limits(command: Any) -> Any:
    burst = "Completions within a few seconds that are ordinary; 'default' for the rules' own number."
    minute = "Completions within a minute that are ordinary; 'default' for the rules' own number."
    half = "Half of those who play honestly need at most this long; 'none' if that isn't known."
    most = "95 of 100 who play honestly need at most this long; 'none' if that isn't known."
    command = click.option("--expected-p95-seconds", type=SecondsOrNone(), help=most)(command)
    command = click.option("--expected-median-seconds", type=SecondsOrNone(), help=half)(command)
    command = click.option("--per-minute", type=CountOrDefault(), help=minute)(command)
    return click.option("--burst", type=CountOrDefault(), help=burst)(command)


@click.group(cls=Commands)
def actions() -> None:
    """Action types: list, add, change, retire."""


def _row(kind: ActionType) -> dict[str, Any]:
    return {name: value for name, value in asdict(kind).items() if name != "id"}


@actions.command("list", epilog=example("actions list"))
@as_json
def list_actions(as_json: bool) -> None:
    """List what can be played; '-' stands for the rules' own number."""
    rows = [_row(kind) for kind in container().actions.types()]
    emit(rows, table(rows, _COLUMNS) if rows else "There are none.", as_json=as_json)


@actions.command(epilog=example("actions add dungeon --points 40 --min-seconds 12 --name 'Dungeon run'"))
@click.argument("slug")
@click.option("--points", type=int, required=True, help="What one is worth.")
@click.option("--min-seconds", type=float, default=0.0, show_default=True, help="What it takes; 0 for no timing rule.")
@click.option("--name", help="What players read; made from the slug if not given.")
@click.option("--board", default=MAIN, show_default=True, help="Where it counts.")
@_limits
@as_json
def add(slug: str, as_json: bool, name: str | None, board: str, **values: Any) -> None:
    """Add an action type. A slug is used once, for ever."""
    values["name"] = name if name is not None else slug.replace("-", " ").capitalize()
    kind = container().actions.add(slug, _without_default(values), board, by=operator(), request_id=request_id())
    emit(_row(kind), f"Added {kind.slug}: {_summary(kind)}.", as_json=as_json)


@actions.command(epilog=example("actions change tap --points 2 --burst default"))
@click.argument("slug")
@click.option("--points", type=int, help="What one is worth.")
@click.option("--min-seconds", type=float, help="What it takes; 0 for no timing rule.")
@click.option("--name", help="What players read.")
@_limits
@as_json
def change(slug: str, as_json: bool, **values: Any) -> None:
    """Change an action type. Actions that are open keep what they promised."""
    changes = _without_default({name: value for name, value in values.items() if value is not None})
    if not changes:
        raise click.UsageError("Say what to change, such as --points 2.")
    kind = container().actions.change(slug, changes, by=operator(), request_id=request_id())
    emit(_row(kind), f"Changed {kind.slug}: {_summary(kind)}.", as_json=as_json)


@actions.command(epilog=example("actions retire dungeon"))
@click.argument("slug")
@as_json
def retire(slug: str, as_json: bool) -> None:
    """Let nobody start it any more. Actions that are open may still be completed; its points stay."""
    container().actions.retire(slug, by=operator(), request_id=request_id())
    emit({"slug": slug, "retired": True}, f"Retired {safe(slug)}.", as_json=as_json)


def _without_default(values: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value in ("default", "none") and name != "name" else value for name, value in values.items()}


def _summary(kind: ActionType) -> str:
    return f"'{safe(kind.name)}', {kind.points:,} points, {kind.min_seconds:g} s at the least, on board {kind.board}"
