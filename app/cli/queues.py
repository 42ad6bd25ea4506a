"""`flask queues`: the tasks that wait at the broker, and the tasks that were given up."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace

import click
from flask.cli import ScriptInfo

from app.cli.commands import CommandDecorator, Commands, Function, as_json, container, example, recorded_act
from app.cli.confirmation import confirm, require_answer, yes_option
from app.cli.numbers import WholeNumberRange
from app.cli.output import emit, table
from app.cli.progress import ProgressPrinter
from app.domain.quantities import quantity
from app.services.operations.queues import BrokerError, Choice

_LETTER_COLUMNS = ("died_at", "queue", "task", "id", "reason", "deaths", "request_ids", "error")
_PEEK_LIMIT = 20


class _QueueCommands(Commands):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokerError as failure:
            place = ctx.ensure_object(ScriptInfo).load_app().extensions["fairboard"].queues.address
            progress = "".join(f", after {count} were {word}" for word, count in failure.counts.items() if count)
            raise click.ClickException(f"The broker at {place}{progress}: {failure}") from failure


def _selection_options(limit: int | None) -> CommandDecorator:
    """Return a decorator that adds --task, --id and --limit."""

    def add(command: Function) -> Function:
        default_text = "all" if limit is None else str(limit)
        limit_range = WholeNumberRange(1, 1_000_000)
        command = click.option(
            "--limit",
            type=limit_range,
            default=limit,
            help=f"Maximum number of dead letters. [default: {default_text}]",
        )(command)
        command = click.option("--id", "task_id", help="Only the task with this id.")(command)
        return click.option("--task", help="Only tasks of this name, such as leaderboard.refresh.")(command)

    return add


@click.group(cls=_QueueCommands)
def queues() -> None:
    """Show the broker's queues; peek at, replay and purge its dead letters."""


@queues.command(epilog=example("queues status"))
@as_json
def status(as_json: bool) -> None:
    """Show each queue: the tasks that wait, those that the workers have in hand, and the number of consumers."""
    with ProgressPrinter("Asking the broker"):
        report = container().queues.status()
    text = table(report["queues"], ("queue", "ready", "unacked", "consumers"))
    if report["dead"] is None:
        text += "\nRedis as the broker keeps no dead letters and counts no consumers."
    elif report["dead"]:
        text += f"\n{quantity(report['dead'], 'dead letter')}: 'flask --app wsgi queues peek' shows them."
    emit(report, text, as_json=as_json)


@queues.command(epilog=example("queues peek --task leaderboard.refresh"))
@_selection_options(_PEEK_LIMIT)
@as_json
def peek(task: str | None, task_id: str | None, limit: int | None, as_json: bool) -> None:
    """Show dead letters, the oldest first, and leave them where they are."""
    with ProgressPrinter("Reading dead letters"):
        letters = container().queues.peek(Choice(task, task_id, limit))
    emit(letters, table(letters, _LETTER_COLUMNS) if letters else "No dead letters.", as_json=as_json)


@queues.command(epilog=example("queues replay --id 5a25dcaf-a16c-48b9-b7fb-c2e425a77385"))
@_selection_options(None)
@as_json
def replay(task: str | None, task_id: str | None, limit: int | None, as_json: bool) -> None:
    """Put dead letters back into the queues that they died in. None is lost if this is stopped half way."""
    choice = Choice(task, task_id, limit)
    count = 0
    if _has_letters(choice):
        with _recorded("queues.replay", choice), ProgressPrinter("Putting dead letters back"):
            count = container().queues.replay(choice)
    emit({"replayed": count}, f"{quantity(count, 'dead letter')} put back.", as_json=as_json)


@queues.command(epilog=example("queues purge --task leaderboard.refresh"))
@_selection_options(None)
@yes_option
@as_json
def purge(task: str | None, task_id: str | None, limit: int | None, yes: bool, as_json: bool) -> None:
    """Delete dead letters permanently."""
    require_answer(yes=yes)
    choice, count = Choice(task, task_id, limit), 0
    if _has_letters(choice):
        confirm(lambda: f"Delete {_describe(choice)} of {container().queues.address}?", yes=yes)
        with _recorded("queues.purge", choice), ProgressPrinter("Deleting dead letters"):
            count = container().queues.purge(choice)
    emit({"purged": count}, f"{quantity(count, 'dead letter')} deleted.", as_json=as_json)


def _has_letters(choice: Choice) -> bool:
    """Return whether there is a letter to handle: without one nothing happens, and nothing is recorded."""
    with ProgressPrinter("Reading dead letters"):
        return bool(container().queues.peek(replace(choice, limit=1)))


def _describe(choice: Choice) -> str:
    if choice != Choice():
        return "the chosen dead letters"
    return quantity(container().queues.status()["dead"], "dead letter")


def _recorded(act: str, choice: Choice) -> AbstractContextManager[None]:
    return recorded_act(act, "dead letters", task=choice.task, id=choice.id, limit=choice.limit)
