"""`flask audit`: who did what, and whether anybody has changed that since."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from app.cli.commands import Commands, as_json, container, example
from app.cli.identity import operator, request_id
from app.cli.moments import Moment
from app.cli.output import emit, table, tell
from app.cli.progress import ProgressPrinter
from app.domain.audit import AuditRow, Head
from app.domain.cases import check_reason

_COLUMNS = ("id", "at", "actor", "act", "subject", "details")
_SHOWN = 20
_HEAD = re.compile(r"([1-9][0-9]*):([0-9a-f]{64})")


class _HeadGiven(click.ParamType[Head]):
    name = "id:hash"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        found = _HEAD.fullmatch(value)
        if found is None:
            self.fail("a head is what 'audit verify' prints: a row's id, a colon and 64 hex digits.", param, ctx)
        return Head(int(found[1]), found[2])


@click.group(cls=Commands)
def audit() -> None:
    """The audit log: every privileged act, every suspension, every decision."""


@audit.command(epilog=example("audit log --subject player:817ae3aa-e54d-4d31-9311-b7ff3d87aa51"))
@click.option("--actor", help="Only what this one did, such as cli:root or system.")
@click.option("--act", help="Only these, such as case.confirmed.")
@click.option("--subject", help="Only what was done to this, such as player:<id>.")
@click.option("--since", type=Moment(), help="Only from then on.")
@click.option("--before", type=click.IntRange(1), help="Only rows with a smaller id, to page on.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most.")
@as_json
def log(
    actor: str | None,
    act: str | None,
    subject: str | None,
    since: datetime | None,
    before: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what was done, the newest first."""
    found = container().audit.page(limit=limit, before=before, actor=actor, act=act, subject=subject, since=since)
    rows = [as_row(row) for row in found]
    said = table([{**row, "details": json.dumps(row["details"])} for row in rows], _COLUMNS) if rows else "Nothing yet."
    emit(rows, said, as_json=as_json)


@audit.command(epilog=example("audit verify"))
@click.option("--expect", type=_HeadGiven(), help="A head that an earlier verify printed: it must still be there.")
@as_json
@click.pass_context
def verify(ctx: click.Context, expect: Head | None, as_json: bool) -> None:
    """Compute the chain of hashes anew; name every row that was changed, added or taken out, and exit 1 for any.

    The heads in the file AUDIT_ANCHORS are compared with it, which shows a tail that was cut off and a chain that was
    written anew as a whole.
    """
    with _anchors_readable(), ProgressPrinter("Verifying the audit log", "rows") as progress:
        found = container().audit.verify(expect, progress)
    head = f"{found.head.id}:{found.head.hash}"
    lines = [flaw.says for flaw in found.flaws[:_SHOWN]]
    if len(found.flaws) > _SHOWN:
        lines.append(f"and {len(found.flaws) - _SHOWN:,} more; --json has them all.")
    places = "1 place" if len(found.flaws) == 1 else f"{len(found.flaws):,} places"
    verdict = f"wrong in {places}" if found.flaws else "as it was written"
    lines.append(f"The audit log of {found.rows:,} rows is {verdict}.")
    if found.rows:
        lines.append(f"Its head is {head}")
    clean = not found.flaws
    if found.anchors:
        lines.append(f"It was compared with {found.anchors:,} heads that were written down elsewhere.")
    result = {"clean": clean, "rows": found.rows, "head": head, "anchors": found.anchors}
    emit({**result, "flaws": [asdict(flaw) for flaw in found.flaws]}, "\n".join(lines), as_json=as_json)
    if clean and found.rows and not found.anchors:
        tell(
            "Nothing shows here whether its end was cut off: set AUDIT_ANCHORS to a file that the database's owner "
            "can't reach, or keep the head elsewhere and give it to --expect the next time."
        )
    ctx.exit(0 if clean else 1)


@audit.command(epilog=example("audit accept --reason 'restored the backup of Monday'"))
@click.option("--reason", required=True, help="Why the log is another than it was; it stands in the log.")
@as_json
def accept(reason: str, as_json: bool) -> None:
    """Accept that the log is what it is now, as after a restore: what was written down before counts no more.

    The break is recorded as a new row. Each machine has its own file of heads: run this on each of them.
    """
    try:
        check_reason(reason)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--reason") from None
    with _anchors_readable():
        head = container().audit.accept(operator(), reason, request_id())
    if head is None:
        begins, said = (
            None,
            "AUDIT_ANCHORS is not set: the break is recorded; running processes remember until restarted.",
        )
    else:
        begins = f"{head.id}:{head.hash}"
        said = f"From now on the audit log begins at its head {begins}"
    emit({"head": begins}, said, as_json=as_json)


@contextmanager
def _anchors_readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"AUDIT_ANCHORS: {error.strerror or error} ({error.filename}).") from error


def as_row(row: AuditRow) -> dict[str, Any]:
    """A row as JSON has it, with its details unpacked."""
    return {**asdict(row), "details": json.loads(row.details)}
