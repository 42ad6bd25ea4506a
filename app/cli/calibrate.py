"""`flask anticheat calibrate`: times of action types from how long people took."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from app.cli.commands import as_json, container, example
from app.cli.identity import operator, request_id
from app.cli.moments import Moment
from app.cli.output import emit, safe, table
from app.cli.pictures import bars, svg
from app.cli.progress import ProgressPrinter
from app.domain.calibration import full
from app.domain.times import utc
from app.services.moderation.calibration import TIMES, Calibrated

_MONTH = 30 * 86_400
_COLUMNS = ("time", "now", "proposed")


@click.command(epilog=example("anticheat calibrate puzzle --svg puzzle.svg"))
@click.argument("slug", required=False)
@click.option("--since", type=Moment(), help="From what was redeemed since then; the last 30 days if not given.")
@click.option(
    "--svg", "file", type=click.Path(dir_okay=False, path_type=Path), help="Draw the distribution; needs SLUG."
)
@click.option("--apply", is_flag=True, help="Change the action types as proposed.")
@as_json
@with_appcontext
def calibrate(slug: str | None, since: datetime | None, file: Path | None, apply: bool, as_json: bool) -> None:
    """Propose an action type's least and expected times from the ledger, with a picture of how long people took.

    Times are the server's. Who is suspended, or under a case, is left out. Without --apply it changes nothing.
    """
    if file and not slug:
        raise click.UsageError("--svg draws one action type: say which.")
    with ProgressPrinter("Reading the ledger", "action types"):
        found = container().calibration.look(since or utc(container().clock() - _MONTH), slug)
    if file:
        _draw(found[0], file)
    applied = [apply and _apply(one) for one in found]
    rows = [{**_row(one), "applied": done} for one, done in zip(found, applied, strict=True)]
    said = [_text(one, done) for one, done in zip(found, applied, strict=True)]
    if file:
        said.append(f"The picture is in {safe(str(file))}.")
    emit(rows, "\n\n".join(said), as_json=as_json)


def _apply(found: Calibrated) -> bool:
    return container().calibration.apply(found, by=operator(), request_id=request_id())


def _marks(found: Calibrated) -> dict[str, float]:
    now = {name.replace("_seconds", ""): found.now[name] for name in TIMES if found.now[name]}
    new = {f"proposed {name.replace('_seconds', '')}": value for name, value in found.proposal.values.items()}
    return {name.replace("_", " "): value for name, value in {**now, **new}.items()}


def _draw(found: Calibrated, file: Path) -> None:
    if found.taken is None:
        raise click.ClickException("Nobody has completed it in that time: there is nothing to draw.")
    title = f"{found.slug}: {found.taken.completions:,} completions of {found.taken.players:,} players"
    try:
        file.write_text(svg(title, full(found.taken.bins), _marks(found)))
    except OSError as error:
        raise click.ClickException(f"{safe(str(file))} can't be written: {error.strerror}.") from error


def _row(found: Calibrated) -> dict[str, Any]:
    taken = found.taken
    return {
        "slug": found.slug,
        "completions": taken.completions if taken else 0,
        "players": taken.players if taken else 0,
        "seconds": {"fastest": taken.fastest, "median": taken.median, "p95": taken.p95} if taken else None,
        "now": found.now,
        "proposed": found.proposal.values,
        "why": found.proposal.why,
        "histogram": [{"from": begin, "to": end, "count": many} for begin, end, many in full(taken.bins)]
        if taken
        else [],
    }


def _text(found: Calibrated, applied: bool) -> str:
    if found.taken is None:
        return f"{safe(found.slug)}: nobody has completed it in that time."
    head = f"{safe(found.slug)}: {found.taken.completions:,} completions of {found.taken.players:,} players"
    lines = [head, "", bars(full(found.taken.bins), _marks(found)), ""]
    values = found.proposal.values
    rows = [{"time": name, "now": found.now[name], "proposed": values.get(name)} for name in TIMES]
    lines += [table([row for row in rows if row["now"] or row["proposed"] is not None] or rows, _COLUMNS)]
    lines.append(
        f"min_seconds: {found.proposal.why}." if values or "stays" in found.proposal.why else found.proposal.why
    )
    if applied:
        lines.append("Changed as proposed.")
    elif values:
        lines.append(f"--apply changes it, or: flask actions change {safe(found.slug)}{_options(values)}")
    return "\n".join(lines)


def _options(values: dict[str, float]) -> str:
    return "".join(f" --{name.replace('_', '-')} {value:g}" for name, value in values.items())
