"""`flask outbox`: the changes that wait to be published."""

from __future__ import annotations

import click

from app.cli.commands import Commands, as_json, container, example
from app.cli.output import emit
from app.domain.quantities import quantity


@click.group(cls=Commands)
def outbox() -> None:
    """Show the outbox: changes that are committed and not yet published."""


@outbox.command(epilog=example("outbox status"))
@as_json
def status(as_json: bool) -> None:
    """Print the number of changes that wait for the relay, and the age of the oldest."""
    backlog = container().outbox.status()
    text = "Nothing waits."
    if backlog["waiting"]:
        text = f"{_waiting(backlog['waiting'])}, the oldest for {backlog['oldest_seconds']:.1f} s."
    emit(backlog, text, as_json=as_json)


def _waiting(count: int) -> str:
    return f"{quantity(count, 'change')} {'waits' if count == 1 else 'wait'}"
