"""`flask doctor`: the state of every part, and the remedy for each that fails."""

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
    """Examine every part that Fairboard needs; print each problem with its remedy; exit 1 if there is one."""
    findings = container().doctor.examine()
    problems = [finding for finding in findings if finding.state == "wrong"]
    result = {"healthy": not problems, "parts": [finding.as_row() for finding in findings]}
    emit(result, _report(findings, len(problems)), as_json=as_json)
    ctx.exit(1 if problems else 0)


def _report(findings: list[Check], problem_count: int) -> str:
    width = max(len(finding.part) for finding in findings)
    lines = []
    for finding in findings:
        mark = finding.state.upper() if finding.state == "wrong" else finding.state
        lines.append(f"{mark:<7}  {finding.part:<{width}}  {safe(finding.message)}")
        if finding.advice:
            lines.append(f"{'':<7}  {'':<{width}}  -> {safe(finding.advice)}")
    verdict = (
        "Everything needed is there." if not problem_count else f"Problems in {problem_count} of {len(findings)} parts."
    )
    return "\n".join([*lines, verdict])
