"""`flask doctor`: the state of every part, and the remedy for each that fails."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app import terminal
from app.cli.commands import as_json, container, example
from app.cli.output import emit
from app.cli.progress import ProgressPrinter
from app.domain.quantities import quantity
from app.services.operations.checks import Check
from app.tables import aligned

_STATE_WIDTH = len("unknown")


@click.command(epilog=example("doctor"))
@as_json
@click.pass_context
@with_appcontext
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Examine every part that Fairboard needs; print each problem with its remedy; exit 1 if there is one."""
    with ProgressPrinter("Examining the parts"):
        findings = container().doctor.examine()
    problems = [finding for finding in findings if finding.state == "wrong"]
    result = {"healthy": not problems, "parts": [finding.as_row() for finding in findings]}
    emit(result, _report(findings, len(problems)), as_json=as_json)
    ctx.exit(1 if problems else 0)


def _report(findings: list[Check], problem_count: int) -> str:
    rows = []
    for finding in findings:
        mark = finding.state.upper() if finding.state == "wrong" else finding.state
        rows.append((mark.ljust(_STATE_WIDTH), finding.part, finding.message))
        if finding.advice:
            rows.append(("", "", f"-> {finding.advice}"))
    verdict = "Everything needed is there."
    if problem_count:
        verdict = f"{quantity(problem_count, 'problem')} in {quantity(len(findings), 'part')}."
    return f"{aligned(rows, states=0, width=terminal.columns())}\n{verdict}"
