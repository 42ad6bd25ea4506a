"""`flask actions`: the action types that can be played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import get_args

import click

from app.cli.board_changes import Choices, actor, carry_out, choice_options
from app.cli.commands import Commands, Function, as_json, container, example
from app.cli.confirmation import confirm, yes_option
from app.cli.identity import operator, request_id
from app.cli.numbers import Number, WholeNumber
from app.cli.output import emit, table
from app.domain.action_types import EXPECTED
from app.domain.boards import ActionType, Cadence, ResultKind
from app.domain.quantities import quantity
from app.tables import safe

_COLUMNS = (
    "slug",
    "name",
    "points",
    "min_seconds",
    "min_is_fact",
    *EXPECTED,
    "boards",
    "result_kind",
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


class CountOr(click.ParamType[int | str]):
    """A whole number, or a word."""

    def __init__(self, word: str) -> None:
        self.name, self._word = f"count|{word}", word

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == self._word:
            return self._word
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a whole number nor '{self._word}'.", param, ctx)


def _limit_options(command: Function) -> Function:
    burst_help = "Completions within a few seconds that are ordinary; 'default' for the rules' own number."
    minute_help = "Completions within a minute that are ordinary; 'default' for the rules' own number."
    median_help = "Median seconds that honest players need; 'none' if that isn't known."
    p95_help = "95th percentile of the seconds that honest players need; 'none' if that isn't known."
    command = _result_options(_nature_options(command))
    command = click.option("--expected-p95-seconds", type=SecondsOr("none"), help=p95_help)(command)
    command = click.option("--expected-median-seconds", type=SecondsOr("none"), help=median_help)(command)
    command = click.option("--per-minute", type=CountOr("default"), help=minute_help)(command)
    return click.option("--burst", type=CountOr("default"), help=burst_help)(command)


def _nature_options(command: Function) -> Function:
    cadence_help = "The one that sets the pace; where the client does, an even rhythm is no evidence."
    hand_help = "Standard deviation of the steadiest person's intervals; 0: no rhythm rule; 'default': the rules' own."
    parallel_help = "Actions that may overlap; each further one has to wait for the minimum."
    fact_help = "Whether no honest client can be faster than the minimum, or few are: then it only opens cases."
    command = click.option("--parallel", type=WholeNumber(), help=parallel_help)(command)
    command = click.option("--steadiest-hand", type=SecondsOr("default"), help=hand_help)(command)
    command = click.option("--cadence", type=click.Choice(get_args(Cadence)), help=cadence_help)(command)
    return click.option("--min-is-fact/--min-is-statistic", default=None, help=fact_help)(command)


def _result_options(command: Function) -> Function:
    kind_help = "What decides the result: the points, the player's report, or the game's server."
    duration_help = "Whether reported results are durations in milliseconds, which the server measures too."
    rate_help = "Highest plausible result per second that the server measured; 'none' for no such rule."
    slack_help = "Seconds by which a duration may differ from the one that the server measured; 'none' for any."
    options = [
        click.option("--board", "boards", multiple=True, help="Board that it feeds, the first one first; up to eight."),
        click.option("--result-kind", type=click.Choice(get_args(ResultKind)), help=kind_help),
        click.option("--min-result", type=CountOr("none"), help="Lowest result that is accepted; 'none' for any."),
        click.option("--max-result", type=CountOr("none"), help="Highest result that is accepted; 'none' for any."),
        click.option("--result-is-duration/--result-is-amount", default=None, help=duration_help),
        click.option("--max-per-second", type=SecondsOr("none"), help=rate_help),
        click.option("--slack-seconds", type=SecondsOr("none"), help=slack_help),
        click.option("--token-seconds", type=CountOr("default"), help="Life of its tokens; 'default' as in settings."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group(cls=Commands)
def actions() -> None:
    """List, add, change and retire action types."""


def _row(action_type: ActionType) -> dict[str, object]:
    return {name: value for name, value in asdict(action_type).items() if name != "id"}


@actions.command("list", epilog=example("actions list"))
@as_json
def list_actions(as_json: bool) -> None:
    """List the action types that can be played; '-' stands for the rules' own number."""
    types = container().actions.types()
    shown = [{**_row(action_type), "boards": action_type.boards} for action_type in types]
    rows = [_row(action_type) for action_type in types]
    emit(rows, table(shown, _COLUMNS) if rows else "There are none.", as_json=as_json)


@actions.command(epilog=example("actions add dungeon --points 40 --min-seconds 12 --name 'Dungeon run'"))
@click.argument("slug")
@click.option("--points", type=WholeNumber(), help="Points for one completion, if its result kind is fixed.")
@click.option("--min-seconds", type=Number(), help="Least seconds that it takes; 0, the default, for no timing rule.")
@click.option("--name", help="Name that players see; made from the slug if not given.")
@_limit_options
@as_json
def add(slug: str, as_json: bool, **options: object) -> None:
    """Add an action type, which feeds the board main if no board is given. A slug can be used only once, ever."""
    changes = container().board_changes
    changes.carry_out(changes.plan_type(slug, _values(options)), rebuild=False, by=actor())
    action_type = changes.action_type(slug)
    emit(_row(action_type), f"Added {action_type.slug}: {_summary(action_type)}.", as_json=as_json)


@actions.command(epilog=example("actions change tap --points 2 --burst default"))
@click.argument("slug")
@click.option("--points", type=WholeNumber(), help="Points for one completion, if its result kind is fixed.")
@click.option("--min-seconds", type=Number(), help="Least seconds that it takes; 0 for no timing rule.")
@click.option("--name", help="Name that players see.")
@_limit_options
@choice_options
@as_json
def change(slug: str, as_json: bool, dry_run: bool, rebuild: bool, yes: bool, **options: object) -> None:
    """Change an action type. Actions that are already open keep their original terms.

    Other boards change past scores, of events that are in the ledger: that needs --rebuild.
    """
    changes = _values(options)
    if not changes:
        raise click.UsageError("Say what to change, such as --points 2.")
    if "boards" in changes or dry_run:
        carry_out(container().board_changes.plan_type_change(slug, changes), Choices(dry_run, rebuild, yes, as_json))
        return
    before = container().board_changes.action_type(slug)
    container().board_changes.change_type(slug, changes, rebuild=rebuild, by=actor())
    action_type = container().board_changes.action_type(slug)
    verb = f"{slug} is so already" if action_type == before else f"Changed {slug}"
    emit(_row(action_type), f"{verb}: {_summary(action_type)}.", as_json=as_json)


@actions.command(epilog=example("actions retire dungeon"))
@click.argument("slug")
@yes_option
@as_json
def retire(slug: str, yes: bool, as_json: bool) -> None:
    """Stop offering an action type for good. Open actions may still be completed; its points stay."""
    action_type = container().board_changes.action_type(slug)
    boards = ", ".join(action_type.boards)
    confirm(lambda: f"Retire {slug} ('{safe(action_type.name)}', which feeds {boards}) for good?", yes=yes)
    container().actions.retire(slug, by=operator(), request_id=request_id())
    emit({"slug": slug, "retired": True}, f"Retired {safe(slug)}.", as_json=as_json)


def _values(options: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that were given, with None for a word that stands for no value."""
    return {
        name: None
        if name != "name" and value in ("default", "none")
        else [*value]
        if isinstance(value, tuple)
        else value
        for name, value in options.items()
        if value is not None and value != ()
    }


def _summary(action_type: ActionType) -> str:
    boards = f"on board {', '.join(action_type.boards)}"
    return f"'{safe(action_type.name)}', {_worth(action_type)}, {_minimum(action_type)}, {boards}"


def _worth(action_type: ActionType) -> str:
    return f"{action_type.result_kind} results" if action_type.points is None else quantity(action_type.points, "point")


def _minimum(action_type: ActionType) -> str:
    seconds = f"{action_type.min_seconds:g} s"
    return f"at least {seconds}" if action_type.min_is_fact else f"seldom under {seconds}"
