"""`flask anticheat calibrate`: proposed times of action types, from the times that people took."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click
from flask.cli import with_appcontext

from app import terminal
from app.cli.commands import as_json, container, example
from app.cli.confirmation import confirm, require_answer, yes_option
from app.cli.identity import operator, request_id
from app.cli.moments import Moment
from app.cli.output import emit, table
from app.cli.pictures import bars, svg
from app.cli.progress import ProgressPrinter
from app.domain.action_types import lacks_minimum
from app.domain.calibration import CompletionTimes, all_bins
from app.domain.quantities import quantity
from app.domain.times import utc
from app.services.moderation.calibration import TIMES, TypeCalibration
from app.tables import safe

_MONTH_SECONDS = 30 * 86_400
_COLUMNS = ("time", "now", "proposed")
_NO_MINIMUM = (
    "Warning: it has an expected median and no minimum, so no completion is ever too fast. Set --min-seconds to the "
    "time that no honest client can beat."
)


@click.command(epilog=example("anticheat calibrate puzzle --svg puzzle.svg"))
@click.argument("slug", required=False)
@click.option("--since", type=Moment(), help="Only redemptions since this time; the last 30 days if not given.")
@click.option(
    "--svg", "file", type=click.Path(dir_okay=False, path_type=Path), help="Draw the distribution; needs SLUG."
)
@click.option("--apply", is_flag=True, help="Change the action types as proposed.")
@yes_option
@as_json
@with_appcontext
def calibrate(
    slug: str | None, since: datetime | None, file: Path | None, apply: bool, yes: bool, as_json: bool
) -> None:
    """Propose an action type's times, cadence and plausible results from the ledger, with a picture of the times.

    Times are the server's. Players who are suspended or under a case are left out. Without --apply nothing is changed.
    """
    if file and not slug:
        raise click.UsageError("--svg draws one action type: give its SLUG.")
    if apply:
        require_answer(yes=yes)
    with ProgressPrinter("Reading the ledger", "action types"):
        calibrations = container().calibration.measure(since or utc(container().clock() - _MONTH_SECONDS), slug)
    if file:
        _draw(calibrations[0], file)
    if apply:
        _confirm([calibration for calibration in calibrations if _options(calibration)], yes=yes)
    applied_flags = [apply and _apply(calibration) for calibration in calibrations]
    rows = [
        {**_row(calibration), "applied": is_applied}
        for calibration, is_applied in zip(calibrations, applied_flags, strict=True)
    ]
    texts = [
        _text(calibration, is_applied) for calibration, is_applied in zip(calibrations, applied_flags, strict=True)
    ]
    if file:
        texts.append(f"The picture is in {safe(str(file))}.")
    emit(rows, "\n\n".join(texts), as_json=as_json)


def _confirm(proposals: list[TypeCalibration], *, yes: bool) -> None:
    """Ask whether to change the action types with a proposal, and say how; without any there is nothing to ask."""

    def question() -> str:
        lines = (f"  {calibration.slug}{_options(calibration)}" for calibration in proposals)
        return "\n".join([f"Change {quantity(len(proposals), 'action type')}:", *lines, "as proposed?"])

    if proposals:
        confirm(question, yes=yes)


def _apply(calibration: TypeCalibration) -> bool:
    return container().calibration.apply(calibration, by=operator(), request_id=request_id())


def _marks(calibration: TypeCalibration) -> dict[str, float]:
    current_marks = {name.replace("_seconds", ""): value for name in TIMES if (value := calibration.now[name])}
    proposed_marks = {
        f"proposed {name.replace('_seconds', '')}": value
        for name, value in calibration.proposal.values.items()
        if name in TIMES
    }
    return {name.replace("_", " "): value for name, value in {**current_marks, **proposed_marks}.items()}


def _draw(calibration: TypeCalibration, file: Path) -> None:
    if calibration.times is None:
        raise click.ClickException("No player has completed it in that time: there is nothing to draw.")
    title = f"{calibration.slug}: {_count(calibration.times)}"
    try:
        file.write_text(svg(title, all_bins(calibration.times.bins), _marks(calibration)))
    except OSError as error:
        raise click.ClickException(f"{safe(str(file))} can't be written: {error.strerror}.") from error


def _count(times: CompletionTimes) -> str:
    return f"{quantity(times.completions, 'completion')} of {quantity(times.players, 'player')}"


def _row(calibration: TypeCalibration) -> dict[str, object]:
    times = calibration.times
    return {
        "slug": calibration.slug,
        "completions": times.completions if times else 0,
        "players": times.players if times else 0,
        "seconds": {"fastest": times.fastest, "median": times.median, "p95": times.p95} if times else None,
        "now": calibration.now,
        "proposed": calibration.proposal.values,
        "why": calibration.proposal.reason,
        "cadence": {
            "now": calibration.cadence,
            "proposed": calibration.new_cadence,
            "players": calibration.rhythm.players if calibration.rhythm else 0,
            "even": calibration.rhythm.even if calibration.rhythm else 0,
        },
        "lacks_minimum": lacks_minimum(calibration.now),
        "histogram": [{"from": begin, "to": end, "count": count} for begin, end, count in all_bins(times.bins)]
        if times
        else [],
    }


def _text(calibration: TypeCalibration, is_applied: bool) -> str:
    values = calibration.proposal.values
    lines = _times_lines(calibration)
    if lacks_minimum({**calibration.now, **(values if is_applied else {})}):
        lines.append(_NO_MINIMUM)
    if calibration.new_cadence and calibration.rhythm:
        lines.append(
            f"cadence: {calibration.rhythm.even} of {calibration.rhythm.players} players are as even as clockwork. So "
            "many people are no bots: their clients set the pace, and rhythm is no evidence against them."
        )
    if is_applied:
        lines.append("Changed as proposed.")
    elif values or calibration.new_cadence:
        lines.append(f"--apply changes it, or: flask actions change {safe(calibration.slug)}{_options(calibration)}")
    return "\n".join(lines)


def _times_lines(calibration: TypeCalibration) -> list[str]:
    if calibration.times is None:
        return [f"{safe(calibration.slug)}: no player has completed it in that time."]
    heading = f"{safe(calibration.slug)}: {_count(calibration.times)}"
    lines = [heading, "", bars(all_bins(calibration.times.bins), _marks(calibration), terminal.columns()), ""]
    values = calibration.proposal.values
    rows = [{"time": name, "now": calibration.now[name], "proposed": values.get(name)} for name in calibration.now]
    lines += [table([row for row in rows if row["now"] or row["proposed"] is not None] or rows, _COLUMNS)]
    lines.append(
        f"min_seconds: {calibration.proposal.reason}."
        if values or "stays" in calibration.proposal.reason
        else calibration.proposal.reason
    )
    return lines


def _options(calibration: TypeCalibration) -> str:
    values = calibration.proposal.values
    options = "".join(f" --{name.replace('_', '-')} {value:g}" for name, value in values.items())
    options += " --min-is-statistic" if "min_seconds" in values else ""
    return options + (f" --cadence {calibration.new_cadence}" if calibration.new_cadence else "")
