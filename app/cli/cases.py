"""`flask anticheat cases`, `next`, `show`: cases that wait for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import get_args
from uuid import UUID

import click
from flask.cli import with_appcontext

from app.cli.commands import as_json, container, example
from app.cli.ids import find_case, find_player
from app.cli.moments import Moment
from app.cli.numbers import WholeNumberRange
from app.cli.output import emit, facts, paragraph, print_message, table
from app.domain.cases import RULES, STATES, CaseOrder
from app.domain.id_prefixes import LEAST, LEAST_BESIDE_NAMES, is_too_short
from app.errors import NotFound
from app.http.case_presenter import case_row, decision_row, linked_row, listed_case
from app.services.moderation.cases import CaseFile
from app.stores.accounts.players import Player
from app.stores.moderation.cases import Filters, ListedCase

_LIST_COLUMNS = (
    "opened_at",
    "username",
    "status",
    "state",
    "signals",
    "highest_suspicion",
    "rules",
    "appealed_at",
    "case_id",
)
_HARM_COLUMNS = ("harm", "certainty", "points", "place", "waiting")
_SIGNAL_COLUMNS = ("at", "action_type", "rule", "seen", "expected", "added", "left", "suspicion", "outcome", "source")
_CASE_FIELDS = (
    "case_id",
    "state",
    "opened_at",
    "starts_at",
    "decided_at",
    "decided_by",
    "reason",
    "username",
    "status",
)
_DECISION_COLUMNS = ("decided_at", "decision", "decided_by", "decided_by_name", "reason", "correction_id")
_LINKED_COLUMNS = ("opened_at", "username", "status", "state", "case_id")


@dataclass(frozen=True, slots=True)
class UserCases:
    """A user with some or all of their cases."""

    user_id: UUID
    username: str
    status: str
    suspicion: float
    cases: list[CaseFile]


@click.command(epilog=example("anticheat cases --state open --appealed"))
@click.option("--state", type=click.Choice(STATES), help="Only cases in this state.")
@click.option("--player", metavar="USER", help="Only cases of this player, by username or id.")
@click.option("--rule", type=click.Choice(RULES), help="Only cases with evidence of this rule.")
@click.option("--appealed/--not-appealed", default=None, help="Only cases with (without) an appeal.")
@click.option("--since", type=Moment(), help="Only cases opened since this time.")
@click.option(
    "--order",
    type=click.Choice(get_args(CaseOrder)),
    help="Newest first, or most harm first; by default 'harm' with --state open, else 'newest'.",
)
@click.option(
    "--limit", type=WholeNumberRange(1, 10_000), default=50, show_default=True, help="Maximum number of cases."
)
@as_json
@with_appcontext
def cases(
    state: str | None,
    player: str | None,
    rule: str | None,
    appealed: bool | None,
    since: datetime | None,
    order: CaseOrder | None,
    limit: int,
    as_json: bool,
) -> None:
    """List cases, the newest first, or open ones in the order of the harm that may come of waiting.

    Harm is counted in great days of an honest player: certainty × (points + place), plus for the case that it is none
    (1 − certainty) × waiting.
    """
    player_id = find_player(player).id if player is not None else None
    order = order or ("harm" if state == "open" else "newest")
    filters = Filters(state, player_id, rule, appealed, since)
    page, has_more = container().cases.page(filters, limit=limit, order=order)
    printed_rows = [_printed_row(case) for case in page]
    text = table(printed_rows, (*_HARM_COLUMNS, *_LIST_COLUMNS)) if page else "There are none."
    emit([listed_case(case) for case in page], text, as_json=as_json)
    if has_more:
        print_message("There are more: add filters, or raise --limit.")


@click.command("next", epilog=example("anticheat next -n 3"))
@click.option("-n", "count", type=WholeNumberRange(1, 100), default=3, show_default=True, help="Number of cases.")
@as_json
@with_appcontext
def next_cases(count: int, as_json: bool) -> None:
    """Show the open cases to look at first, with the harm that may come of waiting and a summary of the evidence."""
    page, _ = container().cases.page(Filters("open"), limit=count, order="harm")
    case_files = {case.case_id: container().cases.case_file(case.case_id) for case in page}
    summaries = {case_id: case_file.summary for case_id, case_file in case_files.items() if case_file}
    parts = []
    for case in page:
        row = _printed_row(case)
        names = ("username", "case_id", *_HARM_COLUMNS, "starts_at", "appealed_at")
        parts.append(f"{facts({name: row[name] for name in names})}\n{paragraph(summaries.get(case.case_id, ''))}")
    data = [{**listed_case(case), "summary": summaries.get(case.case_id)} for case in page]
    emit(data, "\n\n".join(parts) or "No case is open.", as_json=as_json)


@click.command(epilog=example("anticheat show mallory"))
@click.argument("case_or_user", metavar="CASE|USER")
@as_json
@with_appcontext
def show(case_or_user: str, as_json: bool) -> None:
    """Show a case, or all cases of a user (username or id).

    Each signal is listed with the play that was observed and expected, the suspicion that it added and the part of it
    that is left by now; then follow the appeal and the decisions.
    """
    user_cases = _find_user_cases(case_or_user)
    data = {**_facts(user_cases), "cases": [case_row(case_file) for case_file in user_cases.cases]}
    emit(data, "\n\n".join(_pages(user_cases)), as_json=as_json)


COMMANDS: tuple[click.Command, ...] = (cases, next_cases, show)


def _printed_row(case: ListedCase) -> dict[str, object]:
    harm = case.harm
    parts = {name: f"{getattr(harm, name):.2f}" if harm else None for name in _HARM_COLUMNS if name != "harm"}
    return {**listed_case(case), "harm": f"{harm.score:.2f}" if harm else None, **parts}


def _find_user_cases(case_or_user: str) -> UserCases:
    cases, accounts = container().cases, container().accounts
    try:
        player = accounts.find(case_or_user)
    except NotFound:
        if case_file := _find_case_file(case_or_user):
            case = case_file.case  # its player may have been erased
            return UserCases(case.player_id, case.username, case.status, round(case_file.suspicion, 1), [case_file])
        player = _find_by_id(case_or_user)
    suspicion = round(cases.suspicion(player.id), 1)
    return UserCases(player.id, player.username, player.status, suspicion, cases.case_files_of(player.id))


def _find_case_file(text: str) -> CaseFile | None:
    try:
        return container().cases.case_file(find_case(text))
    except NotFound:
        return None


def _find_by_id(text: str) -> Player:
    try:
        return find_player(text)
    except NotFound:
        advice = f" Give at least {LEAST} digits of a case's id, or {LEAST_BESIDE_NAMES} of a user's."
        is_short = is_too_short(text, LEAST_BESIDE_NAMES)
        raise NotFound(f"There is no such case and no such user.{advice if is_short else ''}") from None


def _facts(user_cases: UserCases) -> dict[str, object]:
    return {name: getattr(user_cases, name) for name in ("user_id", "username", "status", "suspicion")}


def _pages(user_cases: UserCases) -> list[str]:
    values = _facts(user_cases)
    pages = [facts({name: values[name] for name in ("username", "user_id", "status", "suspicion")})]
    pages += [_page(case_file) for case_file in user_cases.cases]
    return pages if user_cases.cases else [*pages, "There is no case."]


def _page(case_file: CaseFile) -> str:
    case = case_file.case
    parts = [facts({name: getattr(case, name) for name in _CASE_FIELDS}), paragraph(case_file.summary)]
    if case.held:
        parts.append("Points that the player scores are held.")
    if case.appeal is not None:
        parts.append(facts({"appealed_at": case.appealed_at, "appeal": case.appeal}))
    if case_file.signals:
        parts.append(table([signal.as_row() for signal in case_file.signals], _SIGNAL_COLUMNS))
    if case_file.decisions:
        parts.append(table([decision_row(decision) for decision in case_file.decisions], _DECISION_COLUMNS))
    if case_file.linked_cases:
        parts.append("Linked cases, each to be decided on its own:")
        parts.append(table([linked_row(linked_case) for linked_case in case_file.linked_cases], _LINKED_COLUMNS))
    return "\n".join(parts)
