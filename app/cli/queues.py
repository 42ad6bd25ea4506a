"""`flask queues`: what waits at the broker, and the tasks that were given up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from app.cli.commands import Commands, as_json, container, example, note
from app.cli.output import emit, table
from app.services.operations.queues import BrokerFails, Choice

_LETTER = ("died_at", "queue", "task", "id", "reason", "deaths", "request_ids", "error")
_PEEKED = 20


class _Queues(Commands):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokerFails as failure:
            place = container().queues.place
            done = "".join(f", after {count} were {word}" for word, count in failure.done.items() if count)
            raise click.ClickException(f"The broker at {place}{done}: {failure}") from failure


def _chosen(limit: int | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--task, --id and --limit."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        most = "all" if limit is None else str(limit)
        kinds = click.IntRange(1, 1_000_000)
        command = click.option("--limit", type=kinds, default=limit, help=f"At most so many. [default: {most}]")(
            command
        )
        command = click.option("--id", "task_id", help="Only the task with this id.")(command)
        return click.option("--task", help="Only tasks of this name, such as leaderboard.refresh.")(command)

    return add


@click.group(cls=_Queues)
def queues() -> None:
    """The broker's queues and its dead letters: status, peek, replay, purge."""


@queues.command(epilog=example("queues status"))
@as_json
def status(as_json: bool) -> None:
    """For each queue: what waits, what the workers have in hand, and how many workers take from it."""
    found = container().queues.status()
    said = table(found["queues"], ("queue", "ready", "unacked", "consumers"))
    if found["dead"] is None:
        said += "\nRedis as the broker keeps no dead letters and counts no consumers."
    elif found["dead"]:
        said += f"\n{found['dead']:,} dead letters: 'flask --app wsgi queues peek' shows them."
    emit(found, said, as_json=as_json)


@queues.command(epilog=example("queues peek --task leaderboard.refresh"))
@_chosen(_PEEKED)
@as_json
def peek(task: str | None, task_id: str | None, limit: int | None, as_json: bool) -> None:
    """Show dead letters, the oldest first, and leave them where they are."""
    letters = container().queues.peek(Choice(task, task_id, limit))
    emit(letters, table(letters, _LETTER) if letters else "No dead letters.", as_json=as_json)


@queues.command(epilog=example("queues replay --id 5a25dcaf-a16c-48b9-b7fb-c2e425a77385"))
@_chosen(None)
@as_json
def replay(task: str | None, task_id: str | None, limit: int | None, as_json: bool) -> None:
    """Put dead letters back into the queues that they died in. None is lost if this is stopped half way."""
    note("queues.replay", "dead letters", task=task, id=task_id, limit=limit)
    count = container().queues.replay(Choice(task, task_id, limit))
    emit({"replayed": count}, f"{_letters(count)} put back.", as_json=as_json)


@queues.command(epilog=example("queues purge --task leaderboard.refresh"))
@_chosen(None)
@click.option("--yes", is_flag=True, help="Don't ask.")
@as_json
def purge(task: str | None, task_id: str | None, limit: int | None, yes: bool, as_json: bool) -> None:
    """Throw dead letters away for ever."""
    if not yes:
        what = "the chosen dead letters" if task or task_id or limit else "all dead letters"
        click.confirm(f"Throw away {what} of {container().queues.place}?", abort=True, err=True)
    note("queues.purge", "dead letters", task=task, id=task_id, limit=limit)
    count = container().queues.purge(Choice(task, task_id, limit))
    emit({"purged": count}, f"{_letters(count)} thrown away.", as_json=as_json)


def _letters(count: int) -> str:
    return "1 dead letter" if count == 1 else f"{count:,} dead letters"
