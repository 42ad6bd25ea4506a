"""`flask anticheat links`: accounts that seem to belong together."""

from __future__ import annotations

from dataclasses import asdict

import click
from flask.cli import with_appcontext

from app.cli.commands import as_json, container, example, recorded_act
from app.cli.output import emit, table
from app.cli.progress import ProgressPrinter
from app.domain.quantities import quantity

_COLUMNS = ("group", "username", "strength", "seen", "expected")


@click.command(epilog=example("anticheat links --run"))
@click.option(
    "--run", "opens_cases", is_flag=True, help="Open a case for each account, as a worker does every six hours."
)
@as_json
@with_appcontext
def links(opens_cases: bool, as_json: bool) -> None:
    """Show accounts that play in step, take turns or were handed over, in the last week.

    The strength is in decades of likelihood: 4 means that chance explains one pair in 10,000.
    """
    account_links = container().account_links
    with ProgressPrinter("Comparing accounts"):
        if opens_cases:
            with recorded_act("anticheat.linked_accounts", "ledger"):
                result = account_links.run()
        else:
            result = account_links.find()
    rows = [{"group": number, **asdict(member)} for number, group in enumerate(result.groups, 1) for member in group]
    text = f"{quantity(len(result.groups), 'group')} of linked accounts"
    text += f", {quantity(len(result.cases), 'new case')}." if opens_cases else "."
    if not container().settings.account_links:
        text = "ACCOUNT_LINKS is off: no accounts are compared."
    emit(asdict(result), "\n".join([*([table(rows, _COLUMNS)] if rows else []), text]), as_json=as_json)
