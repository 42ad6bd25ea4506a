"""`flask users`: accounts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict

import click

from app.cli.commands import Commands, as_json, container, example
from app.cli.confirmation import confirm, yes_option
from app.cli.identity import operator, request_id
from app.cli.ids import find_player
from app.cli.numbers import WholeNumberRange
from app.cli.output import emit, facts, print_message, table
from app.cli.previews import dry_run_option, row_limit, show_preview
from app.cli.progress import ProgressPrinter
from app.domain.attributes import check_name, check_value
from app.domain.boards import MAIN
from app.domain.quantities import quantity
from app.services.accounts.player_changes import ChangedPlayer, PlayerChange
from app.stores.accounts.players import Player
from app.tables import safe

_ROLES = click.Choice(["player", "admin"])
_LOOK_ALIKE_COLUMNS = ("username", "player_id", "first_username", "first_id")
_COLUMNS = ("username", "role", "status", "created_at", "user_id")
_reason_option = click.option("--reason", help="Reason; shown by 'users show', and written to the audit log.")


@click.group(cls=Commands)
def users() -> None:
    """Create, list, show, change, suspend, export and erase accounts.

    USER is a username, an id, or the beginning of an id: 8 digits or more that no other id begins with.
    """


def _row(player: Player) -> dict[str, object]:
    return {
        "user_id": player.id,
        "username": player.username,
        "role": player.role,
        "status": player.status,
        "created_at": player.created_at,
    }


@users.command(epilog=example("users create alice --role admin"))
@click.argument("username")
@click.option("--role", type=_ROLES, default="player", show_default=True, help="Role of the account.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
@as_json
def create(username: str, role: str, password_stdin: bool, as_json: bool) -> None:
    """Create an account and ask for its password."""
    player = container().accounts.create_by(operator(), username, read_password(password_stdin), role, request_id())
    emit(_row(player), f"Created {player.role} {safe(player.username)} with the id {player.id}.", as_json=as_json)


def read_password(from_stdin: bool) -> str:
    """Return the password from standard input, or ask for it twice on the terminal."""
    if from_stdin:
        try:
            return sys.stdin.readline().rstrip("\r\n")
        except UnicodeDecodeError:
            raise click.ClickException("The password on standard input is not readable text.") from None
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for the password on: give it with --password-stdin.")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return answer


@users.command("list", epilog=example("users list --status suspended"))
@click.option("--status", type=click.Choice(["active", "suspended"]), help="Only accounts with this status.")
@click.option("--prefix", default="", help="Only names that begin with this text.")
@click.option(
    "--limit", type=WholeNumberRange(1, 100_000), default=50, show_default=True, help="Maximum number of accounts."
)
@as_json
def list_users(status: str | None, prefix: str, limit: int, as_json: bool) -> None:
    """List accounts by name."""
    players = container().accounts.page(status=status, prefix=prefix, limit=limit + 1)
    rows = [_row(player) for player in players[:limit]]
    emit(rows, table(rows, _COLUMNS) if rows else "There are none.", as_json=as_json)
    if len(players) > limit:
        print_message("There are more: add --prefix, or raise --limit.")


@users.command(epilog=example("users show alice"))
@click.argument("user")
@as_json
def show(user: str, as_json: bool) -> None:
    """Show one account with its standing and its suspicion."""
    file = container().player_files.file(find_player(user))
    values = {
        **_row(file.player),
        "external_id": file.external_id,
        "score": file.score,
        "held": file.held,
        "rank": file.rank,
        "suspicion": file.suspicion,
    }
    suspension = asdict(file.suspension) if file.suspension else None
    shown = {f"suspended_{name}" if name in ("at", "by") else name: value for name, value in (suspension or {}).items()}
    emit({**values, "suspension": suspension}, facts({**values, **shown}), as_json=as_json)


@users.command(epilog=example("users suspend mallory --reason 'sells accounts'"))
@click.argument("user")
@_reason_option
@dry_run_option
@yes_option
@as_json
def suspend(user: str, reason: str | None, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Suspend a player: they leave every board and their sockets are closed, until they are reinstated."""
    player = find_player(user)
    if dry_run:
        _preview_status(player, "suspended", as_json)
        return
    confirm(lambda: f"Suspend {_name_with_place(player)}?", yes=yes)
    is_changed = container().moderation.suspend(player.id, request_id(), by=operator(), reason=reason)
    _print_change(player, is_changed, "Suspended {}.", "{} was suspended already.", as_json)


@users.command(epilog=example("users reinstate mallory"))
@click.argument("user")
@_reason_option
@dry_run_option
@as_json
def reinstate(user: str, reason: str | None, dry_run: bool, as_json: bool) -> None:
    """Put a suspended player back on the boards, with a suspicion of 0. An open case stays open."""
    player = find_player(user)
    if dry_run:
        _preview_status(player, "active", as_json)
        return
    is_changed = container().moderation.reinstate(player.id, request_id(), by=operator(), reason=reason)
    _print_change(player, is_changed, "Reinstated {}.", "{} was active already; suspicion is back to 0.", as_json)
    case = container().cases.own_case(player.id)
    if case and case.state == "open":
        print_message(f"Case {case.case_id} stays open: 'flask --app wsgi anticheat clear' or 'confirm' decides it.")


@users.command("set-role", epilog=example("users set-role alice admin"))
@click.argument("user")
@click.argument("role", type=_ROLES, metavar="player|admin")
@as_json
def set_role(user: str, role: str, as_json: bool) -> None:
    """Make a user an admin, or a player again."""
    player = find_player(user)
    is_changed = bool(_change(player, PlayerChange(role=role)).acts)
    _print_change(player, is_changed, f"{{}} is now {role}.", f"{{}} was {role} already.", as_json)


@users.command(epilog=example("users attributes alice country=JP platform=web"))
@click.argument("user")
@click.argument("assignments", nargs=-1, metavar="[NAME=VALUE]...")
@as_json
def attributes(user: str, assignments: tuple[str, ...], as_json: bool) -> None:
    """Set attributes of a player, such as the country, and show all of them. NAME= without a value removes one.

    Boards have segments by attributes: the player moves to the new segment with all points.
    """
    player = find_player(user)
    changes = dict(_assignment(text) for text in assignments)
    values: Mapping[str, str] = container().attributes.of(player.id)
    if changes:
        values = _change(player, PlayerChange(attributes=changes)).attributes
    rows = [{"name": name, "value": value} for name, value in values.items()]
    text = table(rows, ("name", "value")) if rows else f"{safe(player.username)} has no attributes."
    emit({"user_id": player.id, "attributes": values}, text, as_json=as_json)


def _preview_status(player: Player, status: str, as_json: bool) -> None:
    with ProgressPrinter("Comparing the boards"):
        preview = container().corrections.preview_status(player.id, status, limit=row_limit(as_json))
    show_preview(preview, None, as_json)


def _name_with_place(player: Player) -> str:
    """Return the name and id of a player, and the place that a suspension takes from them."""
    standing = container().standings.standing(player.id)
    place = f"rank {standing.rank:,}, " if standing.rank else ""
    return f"{safe(player.username)} ({player.id}; {place}{quantity(standing.score, 'point')} on {MAIN})"


def _change(player: Player, change: PlayerChange) -> ChangedPlayer:
    return container().player_changes.change(player.id, change, by=operator(), request_id=request_id())


def _assignment(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"'{safe(text)}' is no NAME=VALUE.")
    try:
        return check_name(name), check_value(value) if value else None
    except ValueError as error:
        raise click.UsageError(f"'{safe(text)}' is not valid: {error}.") from None


@users.command("look-alikes", epilog=example("users look-alikes"))
@as_json
def look_alikes(as_json: bool) -> None:
    """List accounts whose names look like those of older accounts.

    New look-alikes are refused; these are from versions that did not check. They can sign in as before. Accounts that
    were created during an upgrade of the database are listed too, so run this once after an upgrade.
    """
    with ProgressPrinter("Comparing names"):
        rows = [asdict(account) for account in container().accounts.look_alikes()]
    emit(rows, table(rows, _LOOK_ALIKE_COLUMNS) if rows else "There are none.", as_json=as_json)


def _print_change(player: Player, is_changed: bool, changed_text: str, unchanged_text: str, as_json: bool) -> None:
    current = container().accounts.find(str(player.id))
    emit(
        {**_row(current), "changed": is_changed},
        (changed_text if is_changed else unchanged_text).format(safe(current.username)),
        as_json=as_json,
    )
