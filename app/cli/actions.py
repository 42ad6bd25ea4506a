"""`flask actions`: the action types that can be played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import get_args

import click

from app.cli.commands import Commands, Function, as_json, container, example
from app.cli.identity import operator, request_id
from app.cli.output import emit, table
from app.domain.action_types import EXPECTED
from app.domain.boards import MAIN, ActionType, Cadence
from app.tables import safe

_COLUMNS = (
    "slug",
    "name",
    "points",
    "min_seconds",
    "min_is_fact",
    *EXPECTED,
    "board",
    "burst",
    "per_minute",
    "cadence",
    "steadiest_hand",
    "parallel",
)


class SecondsOr(click.ParamType[float | str]):
    """Seconds, or a word."""

    def __init__(self, word: str) -> None:
        self.name, self._word = f"seconds|{word}", word

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        if value == self._word:
            return self._word
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number of seconds nor '{self._word}'.", param, ctx)


class CountOrDefault(click.ParamType[int | str]):
    """A whole number, or the word `default`."""

    name = "count|default"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == "default":
            return "default"
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a whole number nor 'default'.", param, ctx)


def _limit_options(command: Function) -> Function:
    burst_help = "Completions within a few seconds that are ordinary; 'default' for the rules' own number."
    minute_help = "Completions within a minute that are ordinary; 'default' for the rules' own number."
    median_help = "Median seconds that honest players need; 'none' if that isn't known."
    p95_help = "95th percentile of the seconds that honest players need; 'none' if that isn't known."
    command = _nature_options(command)
    command = click.option("--expected-p95-seconds", type=SecondsOr("none"), help=p95_help)(command)
    command = click.option("--expected-median-seconds", type=SecondsOr("none"), help=median_help)(command)
    command = click.option("--per-minute", type=CountOrDefault(), help=minute_help)(command)
    return click.option("--burst", type=CountOrDefault(), help=burst_help)(command)


def _nature_options(command: Function) -> Function:
    cadence_help = "The one that sets the pace; where the client does, an even rhythm is no evidence."
    hand_help = "Standard deviation of the steadiest person's intervals; 0: no rhythm rule; 'default': the rules' own."
    parallel_help = "Actions that may overlap; each further one has to wait for the minimum."
    fact_help = "Whether no honest client can be faster than the minimum, or few are: then it only opens cases."
    command = click.option("--parallel", type=int, help=parallel_help)(command)
    command = click.option("--steadiest-hand", type=SecondsOr("default"), help=hand_help)(command)
    command = click.option("--cadence", type=click.Choice(get_args(Cadence)), help=cadence_help)(command)
    return click.option("--min-is-fact/--min-is-statistic", default=None, help=fact_help)(command)


@click.group(cls=Commands)
def actions() -> None:
    """List, add, change and retire action types."""


def _row(action_type: ActionType) -> dict[str, object]:
    return {name: value for name, value in asdict(action_type).items() if name != "id"}


@actions.command("list", epilog=example("actions list"))
@as_json
def list_actions(as_json: bool) -> None:
    """List the action types that can be played; '-' stands for the rules' own number."""
    rows = [_row(action_type) for action_type in container().actions.types()]
    emit(rows, table(rows, _COLUMNS) if rows else "There are none.", as_json=as_json)


@actions.command(epilog=example("actions add dungeon --points 40 --min-seconds 12 --name 'Dungeon run'"))
@click.argument("slug")
@click.option("--points", type=int, required=True, help="Points for one completion.")
@click.option(
    "--min-seconds",
    type=float,
    default=0.0,
    show_default=True,
    help="Least seconds that it takes; 0 for no timing rule.",
)
@click.option("--name", help="Name that players see; made from the slug if not given.")
@click.option("--board", default=MAIN, show_default=True, help="Board that it counts on.")
@_limit_options
@as_json
def add(slug: str, as_json: bool, name: str | None, board: str, **values: object) -> None:
    """Add an action type. A slug can be used only once, ever."""
    values["name"] = name if name is not None else slug.replace("-", " ").capitalize()
    given_values = {name: value for name, value in values.items() if value is not None}
    action_type = container().actions.add(
        slug, _without_default(given_values), board, by=operator(), request_id=request_id()
    )
    emit(_row(action_type), f"Added {action_type.slug}: {_summary(action_type)}.", as_json=as_json)


@actions.command(epilog=example("actions change tap --points 2 --burst default"))
@click.argument("slug")
@click.option("--points", type=int, help="Points for one completion.")
@click.option("--min-seconds", type=float, help="Least seconds that it takes; 0 for no timing rule.")
@click.option("--name", help="Name that players see.")
@_limit_options
@as_json
def change(slug: str, as_json: bool, **values: object) -> None:
    """Change an action type. Actions that are already open keep their original terms."""
    changes = _without_default({name: value for name, value in values.items() if value is not None})
    if not changes:
        raise click.UsageError("Say what to change, such as --points 2.")
    action_type = container().actions.change(slug, changes, by=operator(), request_id=request_id())
    emit(_row(action_type), f"Changed {action_type.slug}: {_summary(action_type)}.", as_json=as_json)


@actions.command(epilog=example("actions retire dungeon"))
@click.argument("slug")
@as_json
def retire(slug: str, as_json: bool) -> None:
    """Stop offering an action type. Open actions may still be completed; its points stay."""
    container().actions.retire(slug, by=operator(), request_id=request_id())
    emit({"slug": slug, "retired": True}, f"Retired {safe(slug)}.", as_json=as_json)


def _without_default(values: Mapping[str, object]) -> dict[str, object]:
    return {name: None if value in ("default", "none") and name != "name" else value for name, value in values.items()}


def _summary(action_type: ActionType) -> str:
    return f"'{safe(action_type.name)}', {_worth(action_type)}, {_minimum(action_type)}, on board {action_type.board}"


def _worth(action_type: ActionType) -> str:
    return f"{action_type.result_kind} results" if action_type.points is None else f"{action_type.points:,} points"


def _minimum(action_type: ActionType) -> str:
    seconds = f"{action_type.min_seconds:g} s"
    return f"at least {seconds}" if action_type.min_is_fact else f"seldom under {seconds}"
