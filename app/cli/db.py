"""`flask db`: the schema."""

from __future__ import annotations

import click

from app.cli.commands import Commands, as_json, container, example
from app.cli.output import emit


@click.group(cls=Commands)
def db() -> None:
    """The database's schema: upgrade, downgrade, current."""


def _named(revision: str | None) -> str:
    return revision or "empty"


@db.command(epilog=example("db upgrade"))
@click.argument("revision", default="head")
@as_json
def upgrade(revision: str, as_json: bool) -> None:
    """Bring the database up to REVISION, or to the newest. Safe on several machines at once."""
    before, after = container().schema.upgrade(revision)
    moved = f"The database went from {_named(before)} to {_named(after)}."
    said = moved if before != after else f"The database is at {_named(after)} already."
    emit({"before": before, "after": after}, said, as_json=as_json)


@db.command(epilog=example("db downgrade 0002"))
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Don't ask.")
@as_json
def downgrade(revision: str, yes: bool, as_json: bool) -> None:
    """Take the database back to REVISION; 'base' empties it. What later revisions added is lost."""
    if not yes:
        place = container().schema.place
        click.confirm(f"Take {place} back to {revision} and lose what later revisions hold?", abort=True, err=True)
    before, after = container().schema.downgrade(revision)
    moved = f"The database went from {_named(before)} to {_named(after)}."
    said = moved if before != after else f"The database is at {_named(after)} already."
    emit({"before": before, "after": after}, said, as_json=as_json)


@db.command(epilog=example("db current"))
@as_json
def current(as_json: bool) -> None:
    """Print the revision that the database is at, and the one that this version of Fairboard wants."""
    at, newest = container().schema.current(), container().schema.newest()
    behind = f"; this version of Fairboard wants {newest}: run 'flask --app wsgi db upgrade'."
    said = _named(at) + (", the newest." if at == newest else behind)
    emit({"current": at, "newest": newest}, said, as_json=as_json)
