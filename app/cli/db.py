"""`flask db`: the database's schema."""

from __future__ import annotations

import click

from app.cli.commands import Commands, as_json, container, example
from app.cli.confirmation import confirm, yes_option
from app.cli.output import emit, print_message
from app.cli.progress import ProgressPrinter
from app.tables import safe


@click.group(cls=Commands)
def db() -> None:
    """Upgrade, downgrade and show the database's schema."""


def _format_revision(revision: str | None) -> str:
    return revision or "empty"


@db.command(epilog=example("db upgrade"))
@click.argument("revision", default="head")
@click.option("--contract", "contracts", is_flag=True, help="Do 'db contract' too: no earlier version runs any more.")
@as_json
def upgrade(revision: str, contracts: bool, as_json: bool) -> None:
    """Upgrade the database to REVISION, or to the newest. Safe on several machines at once."""
    with ProgressPrinter("Upgrading the database"):
        before, after = container().schema.upgrade(revision)
    change_text = f"The database went from {_format_revision(before)} to {_format_revision(after)}."
    text = change_text if before != after else f"The database is at {_format_revision(after)} already."
    if contracts:
        with ProgressPrinter("Contracting the schema"):
            container().schema.contract()
    if container().schema.awaits_contraction():
        print_message("When no process of an earlier version runs any more, run 'flask --app wsgi db contract'.")
    emit({"before": before, "after": after}, text, as_json=as_json)


@db.command(epilog=example("db downgrade 0002"))
@click.argument("revision")
@yes_option
@as_json
def downgrade(revision: str, yes: bool, as_json: bool) -> None:
    """Downgrade the database to REVISION; 'base' empties it. Everything that later revisions added is lost."""
    place = container().schema.address
    confirm(lambda: f"Downgrade {place} to {safe(revision)} and lose the data of later revisions?", yes=yes)
    with ProgressPrinter("Downgrading the database"):
        before, after = container().schema.downgrade(revision)
    change_text = f"The database went from {_format_revision(before)} to {_format_revision(after)}."
    text = change_text if before != after else f"The database is at {_format_revision(after)} already."
    emit({"before": before, "after": after}, text, as_json=as_json)


@db.command(epilog=example("db contract"))
@as_json
def contract(as_json: bool) -> None:
    """Drop what the schema has only for processes of earlier versions, once none of them runs any more.

    It is the last step of an upgrade: until then boards and action types can't be changed. It is refused while such a
    process is connected.
    """
    with ProgressPrinter("Contracting the schema"):
        is_contracted = container().schema.contract()
    text = "The schema is contracted." if is_contracted else "The schema has nothing left for earlier versions."
    emit({"contracted": is_contracted}, text, as_json=as_json)


@db.command(epilog=example("db current"))
@as_json
def current(as_json: bool) -> None:
    """Print the revision that the database is at, and the one that this version of Fairboard needs."""
    revision, newest = container().schema.current(), container().schema.newest()
    advice = f"; this version of Fairboard wants {newest}: run 'flask --app wsgi db upgrade'."
    text = _format_revision(revision) + (", the newest." if revision == newest else advice)
    emit({"current": revision, "newest": newest}, text, as_json=as_json)
