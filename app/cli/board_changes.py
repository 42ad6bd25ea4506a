"""The way of a plan from the command line to the boards: shown, compared with the past, and carried out."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import click

from app.cli.commands import Function, container
from app.cli.confirmation import confirm_on_terminal, yes_option
from app.cli.identity import operator, request_id
from app.cli.output import cell, emit, print_message, table
from app.cli.progress import ProgressPrinter
from app.domain.board_plans import Plan, Step
from app.domain.quantities import quantity
from app.errors import RebuildRequired
from app.http.plan_presenter import plan_data
from app.services.boards.board_changes import Prospect
from app.services.boards.plan_writer import Operator
from app.stores.boards.replays import Replay
from app.tables import safe

_MOVE_COLUMNS = ("board", "username", "score_before", "score_after", "rank_before", "rank_after")
_ALL_ROWS = 1_000_000
_SHOWN_ROWS = 20


@dataclass(frozen=True, slots=True)
class Choices:
    """The operator's choices: only show the plan, replay the past if it needs that, ask nothing, print JSON."""

    dry_run: bool
    rebuild: bool
    yes: bool
    as_json: bool


def choice_options(command: Function) -> Function:
    """Add --dry-run, --rebuild and --yes to a command."""
    rebuild_help = "Replay the ledger for boards whose past scores change. Play goes on meanwhile."
    command = yes_option(command)
    command = click.option("--rebuild", is_flag=True, help=rebuild_help)(command)
    return click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")(command)


def actor() -> Operator:
    """Return the operator of this command, with a new request id."""
    return Operator(operator(), request_id())


def carry_out(plan: Plan, choices: Choices) -> None:
    """Show the plan, and the players that it would move; then carry it out, with a replay where it needs one.

    Raises ClickException for a plan that needs a replay without --rebuild.
    """
    if plan.is_empty:
        running = container().replays.unfinished()
        if running and running.state == "switched" and not choices.dry_run:
            work(running.id)
        emit({"boards": [], "action_types": [], "applied": False}, "Nothing to change.", as_json=choices.as_json)
        return
    with ProgressPrinter("Comparing with the ledger", "players"):
        prospect = container().board_changes.prospect(plan, _ALL_ROWS if choices.as_json else _SHOWN_ROWS)
    result, text = plan_data(prospect), "\n".join(_describe(prospect))
    if choices.dry_run:
        emit({**result, "applied": False}, text, as_json=choices.as_json)
        print_message("Nothing was changed.")
        return
    if choices.rebuild and prospect.replayed:
        _ask_for_replay(prospect, text, choices)
    try:
        replay_id = container().board_changes.carry_out(plan, rebuild=choices.rebuild, by=actor())
    except RebuildRequired:
        print_message(text)
        boards = ", ".join(prospect.replayed)
        raise click.ClickException(f"This changes past scores on {boards}: --rebuild replays the ledger.") from None
    if replay_id is None:
        emit({**result, "applied": True}, f"{text}\nDone.", as_json=choices.as_json)
        return
    print_message(text)
    replay = work(replay_id)
    text = f"Done: replayed {quantity(replay.standings, 'standing')}."
    emit({**result, "applied": True, "standings": replay.standings}, text, as_json=choices.as_json)


def _ask_for_replay(prospect: Prospect, text: str, choices: Choices) -> None:
    boards, moving = ", ".join(prospect.replayed), prospect.outlook.moving if prospect.outlook else 0

    def question() -> str:
        print_message(text)
        return f"Replay the ledger for {boards}, which moves {quantity(moving, 'standing')}?"

    confirm_on_terminal(question, yes=choices.yes)


def work(replay_id: UUID) -> Replay:
    """Work on a replay until it is done, with progress; stopping it does no harm."""
    try:
        with ProgressPrinter("Replaying", "standings") as progress:
            return container().replays.work(replay_id, progress)
    except KeyboardInterrupt:
        print_message("Stopped. The workers go on, or 'flask boards replay' continues it, and with --cancel drops it.")
        raise


def _describe(prospect: Prospect) -> list[str]:
    plan, replayed, outlook = prospect.plan, prospect.replayed, prospect.outlook
    lines = [line for step in plan.boards for line in _describe_step("board", step)]
    lines += [line for step in plan.types for line in _describe_step("action type", step)]
    if replayed:
        lines.append(f"Past scores change on {', '.join(replayed)}.")
    if outlook is None:
        return lines
    if outlook.moves:
        lines.append(table(outlook.moves, _MOVE_COLUMNS))
    if len(outlook.moves) < outlook.moving:
        lines.append(f"and {outlook.moving - len(outlook.moves):,} more whose rank changes; --json has them all.")
    return lines if outlook.moving else [*lines, "No player would move."]


def _describe_step(kind: str, step: Step) -> list[str]:
    if step.is_new:
        values = [f"{name} {safe(cell(value))}" for name, value in step.after.items() if _says_something(name, value)]
        return [f"+ {kind} {step.slug}: {', '.join(values)}"]
    changes = [f"{name} {safe(cell(step.before[name]))} -> {safe(cell(value))}" for name, value in step.after.items()]
    return [f"~ {kind} {step.slug}: {', '.join(changes)}"]


def _says_something(name: str, value: object) -> bool:
    if name == "public":
        return True
    return name != "slug" and value is not False and value not in (None, "", (), [])
