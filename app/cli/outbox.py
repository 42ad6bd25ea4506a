"""`flask outbox`: what waits on its way to the screens."""

from __future__ import annotations

import click

from app.cli.commands import Commands, as_json, container, example
from app.cli.output import emit


@click.group(cls=Commands)
def outbox() -> None:
    """The outbox: changes that are committed and not yet published."""


@outbox.command(epilog=example("outbox status"))
@as_json
def status(as_json: bool) -> None:
    """How many changes wait for the relay, and for how long the oldest."""
    found = container().outbox.status()
    said = "Nothing waits."
    if found["waiting"]:
        said = f"{found['waiting']:,} changes wait, the oldest for {found['oldest_seconds']:.1f} s."
    emit(found, said, as_json=as_json)
