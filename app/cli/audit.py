"""`flask audit`: the log of privileged acts, and whether a row was changed since it was written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime

import click

from app.cli.commands import Commands, as_json, container, example
from app.cli.identity import operator, request_id
from app.cli.moments import Moment
from app.cli.numbers import WholeNumberRange
from app.cli.output import emit, print_message, table
from app.cli.progress import ProgressPrinter
from app.domain.audit import AuditRow, Head
from app.domain.cases import check_reason
from app.domain.quantities import quantity

_COLUMNS = ("id", "at", "actor", "act", "subject", "details")
_MAX_LISTED = 20
_HEAD_PATTERN = re.compile(r"([1-9][0-9]*):([0-9a-f]{64})")


class _HeadType(click.ParamType[Head]):
    name = "id:hash"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        match = _HEAD_PATTERN.fullmatch(value)
        if match is None:
            self.fail("a head is what 'audit verify' prints: a row's id, a colon and 64 hex digits.", param, ctx)
        return Head(int(match[1]), match[2])


@click.group(cls=Commands)
def audit() -> None:
    """List, verify and accept the audit log: every privileged act, suspension and decision."""


@audit.command(epilog=example("audit log --subject player:817ae3aa-e54d-4d31-9311-b7ff3d87aa51"))
@click.option("--actor", help="Only acts of this actor, such as cli:root or system.")
@click.option("--act", help="Only acts of this kind, such as case.confirmed.")
@click.option("--subject", help="Only acts on this subject, such as player:<id>.")
@click.option("--since", type=Moment(), help="Only acts since this time.")
@click.option("--before", type=WholeNumberRange(1), help="Only rows with a smaller id, to get the next page.")
@click.option(
    "--limit", type=WholeNumberRange(1, 10_000), default=50, show_default=True, help="Maximum number of rows."
)
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
    """List privileged acts, the newest first."""
    audit_rows = container().audit.page(limit=limit, before=before, actor=actor, act=act, subject=subject, since=since)
    rows = [describe_row(row) for row in audit_rows]
    text = table([{**row, "details": json.dumps(row["details"])} for row in rows], _COLUMNS) if rows else "No rows."
    emit(rows, text, as_json=as_json)


@audit.command(epilog=example("audit verify"))
@click.option("--expect", type=_HeadType(), help="Head that an earlier verify printed; it must still be in the log.")
@as_json
@click.pass_context
def verify(ctx: click.Context, expect: Head | None, as_json: bool) -> None:
    """Recompute the chain of hashes; name every row that was changed, added or removed, and exit 1 for any.

    The heads in the file AUDIT_ANCHORS are compared with the chain, which shows a tail that was cut off and a chain
    that was rewritten as a whole.
    """
    with _report_anchor_errors(), ProgressPrinter("Verifying the audit log", "rows") as progress:
        verification = container().audit.verify(expect, progress)
    head = f"{verification.head.id}:{verification.head.hash}"
    lines = [flaw.says for flaw in verification.flaws[:_MAX_LISTED]]
    if len(verification.flaws) > _MAX_LISTED:
        lines.append(f"and {len(verification.flaws) - _MAX_LISTED:,} more; --json has them all.")
    verdict = f"wrong in {quantity(len(verification.flaws), 'place')}" if verification.flaws else "as it was written"
    lines.append(f"The audit log of {quantity(verification.rows, 'row')} is {verdict}.")
    if verification.rows:
        lines.append(f"Its head is {head}")
    is_clean = not verification.flaws
    if verification.anchors:
        verb = "was" if verification.anchors == 1 else "were"
        lines.append(f"It was compared with {quantity(verification.anchors, 'head')} that {verb} recorded elsewhere.")
    result = {"clean": is_clean, "rows": verification.rows, "head": head, "anchors": verification.anchors}
    emit({**result, "flaws": [asdict(flaw) for flaw in verification.flaws]}, "\n".join(lines), as_json=as_json)
    if is_clean and verification.rows and not verification.anchors:
        print_message(
            "This can't show whether rows at its end were removed: set AUDIT_ANCHORS to a file that the database's "
            "owner can't reach, or store the head elsewhere and pass it to --expect next time."
        )
    ctx.exit(0 if is_clean else 1)


@audit.command(epilog=example("audit accept --reason 'restored the backup of Monday'"))
@click.option("--reason", required=True, help="Why the log differs from the recorded heads; written to the log.")
@as_json
def accept(reason: str, as_json: bool) -> None:
    """Accept the log as it is now, as after a restore: heads that were recorded before no longer count.

    The break is recorded as a new row. Each machine has its own file of heads: run this on each of them.
    """
    try:
        check_reason(reason)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--reason") from None
    with _report_anchor_errors():
        head = container().audit.accept(operator(), reason, request_id())
    if head is None:
        new_head, text = (
            None,
            "AUDIT_ANCHORS is not set: the break is recorded; running processes remember the old head until a restart.",
        )
    else:
        new_head = f"{head.id}:{head.hash}"
        text = f"From now on the audit log begins at its head {new_head}"
    emit({"head": new_head}, text, as_json=as_json)


@contextmanager
def _report_anchor_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"AUDIT_ANCHORS: {error.strerror or error} ({error.filename}).") from error


def describe_row(row: AuditRow) -> dict[str, object]:
    """Return the row as JSON has it, with its details unpacked."""
    return {**asdict(row), "details": json.loads(row.details)}
