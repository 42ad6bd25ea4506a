"""`flask doctor`: is everything there, and if not, what to do."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.cli.commands import as_json, container, example
from app.cli.output import emit, safe
from app.services.operations.checks import Check


@click.command(epilog=example("doctor"))
@as_json
@click.pass_context
@with_appcontext
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Examine every part that Fairboard needs; say what is wrong and what to do; exit 1 if something is."""
    findings = container().doctor.examine()
    wrong = [finding for finding in findings if finding.state == "wrong"]
    result = {"healthy": not wrong, "parts": [finding.as_row() for finding in findings]}
    emit(result, _report(findings, len(wrong)), as_json=as_json)
    ctx.exit(1 if wrong else 0)


def _report(findings: list[Check], wrong: int) -> str:
    width = max(len(finding.part) for finding in findings)
    lines = []
    for finding in findings:
        mark = finding.state.upper() if finding.state == "wrong" else finding.state
        lines.append(f"{mark:<7}  {finding.part:<{width}}  {safe(finding.says)}")
        if finding.advice:
            lines.append(f"{'':<7}  {'':<{width}}  -> {safe(finding.advice)}")
    last = "Everything needed is there." if not wrong else f"{wrong} of {len(findings)} parts are not right."
    return "\n".join([*lines, last])
