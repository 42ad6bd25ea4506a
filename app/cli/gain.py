"""`flask anticheat gain`: the limits of gain in force, and the players above them."""

from __future__ import annotations

from dataclasses import asdict

import click
from flask.cli import with_appcontext

from app.cli.commands import as_json, container, example
from app.cli.output import emit, table
from app.domain.quantities import quantity
from app.tables import safe

_COLUMNS = ("username", "points", "player_id")


@click.command(epilog=example("anticheat gain"))
@as_json
@with_appcontext
def gain(as_json: bool) -> None:
    """Show from how many points in 24 hours a player is assessed at once, where that comes from, and who is above."""
    view = container().gain_watch.view()
    limits = view.limits
    text = (
        f"By {safe(view.source)}, {limits.usual:,.0f} points are the 99th percentile of a day. "
        f"A player with more than {limits.high:,.0f} in 24 hours is assessed at once, "
        f"more than {limits.ceiling:,.0f} are always a case."
    )
    if not view.is_on:
        text += " GAIN_WATCH is off: nobody is assessed."
    rows = [asdict(player) for player in view.above]
    text += f"\n{quantity(len(rows), 'player')} above."
    emit(asdict(view), "\n".join([text, *([table(rows, _COLUMNS)] if rows else [])]), as_json=as_json)
