"""`flask users`: names, passwords and logins of accounts, their export and their end."""

from __future__ import annotations

import json

import click

from app.cli.commands import as_json, container, example
from app.cli.confirmation import confirm, yes_option
from app.cli.identity import operator, request_id
from app.cli.ids import find_player
from app.cli.numbers import WholeNumberRange
from app.cli.output import emit, facts, print_message, to_json
from app.cli.users import read_password, users
from app.domain.quantities import quantity
from app.services.accounts.password_changes import MOST_RESET_SECONDS, RESET_SECONDS
from app.services.accounts.player_changes import PlayerChange
from app.tables import safe

_HOUR = 3600


@users.command(epilog=example("users rename mallory 'Mallory B'"))
@click.argument("user")
@click.argument("username")
@as_json
def rename(user: str, username: str, as_json: bool) -> None:
    """Give a player another name, which every board shows within a second. An operator may choose any free name."""
    player = find_player(user)
    change = PlayerChange(username=username)
    changed = container().player_changes.change(player.id, change, by=operator(), request_id=request_id())
    is_changed = bool(changed.acts)
    name = changed.player.username
    text = f"{safe(player.username)} is now {safe(name)}." if is_changed else f"{safe(name)} has that name already."
    emit({"user_id": player.id, "username": name, "changed": is_changed}, text, as_json=as_json)


@users.command("set-password", epilog=example("users set-password alice"))
@click.argument("user")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
@as_json
def set_password(user: str, password_stdin: bool, as_json: bool) -> None:
    """Ask for a new password of an account and set it. All logins of the account end."""
    player = find_player(user)
    container().password_changes.set_by(operator(), player.id, read_password(password_stdin), request_id())
    text = f"{safe(player.username)} has the new password, and is signed out everywhere."
    emit({"user_id": player.id, "username": player.username}, text, as_json=as_json)


@users.command("reset-link", epilog=example("users reset-link alice --hours 4"))
@click.argument("user")
@click.option(
    "--hours",
    type=WholeNumberRange(1, MOST_RESET_SECONDS // _HOUR),
    default=RESET_SECONDS // _HOUR,
    show_default=True,
    help="Hours for which it is good.",
)
@as_json
def reset_link(user: str, hours: int, as_json: bool) -> None:
    """Make the token with which a player sets a new password, once. One that was made before ends.

    The player sends it with the new password to POST /api/v1/auth/reset. Give it to nobody else.
    """
    player = find_player(user)
    link = container().password_changes.make_reset_link(operator(), player.id, request_id(), hours * _HOUR)
    values = {
        "user_id": player.id,
        "username": player.username,
        "token": link.token,
        "expires_at": link.expires_at,
    }
    emit(values, facts({"token": link.token, "expires_at": link.expires_at}), as_json=as_json)
    print_message("The token is shown this once: it is stored nowhere.")


@users.command("sign-out", epilog=example("users sign-out alice"))
@click.argument("user")
@as_json
def sign_out(user: str, as_json: bool) -> None:
    """End all logins of an account, on every server at once."""
    player = find_player(user)
    logins = container().accounts.sign_out_by(operator(), player.id, request_id())
    verb = "has" if logins == 1 else "have"
    text = f"Signed out {safe(player.username)}: {quantity(logins, 'login')} {verb} ended."
    text = text if logins else f"{safe(player.username)} is not signed in."
    emit({"user_id": player.id, "username": player.username, "logins": logins}, text, as_json=as_json)


@users.command(epilog=example("users export alice > alice.json"))
@click.argument("user")
@as_json
def export(user: str, as_json: bool) -> None:
    """Print everything that is stored about a player, as JSON with or without --json."""
    del as_json
    result = container().exports.export(find_player(user).id)
    text = json.dumps(result.facts, default=to_json, indent=2)
    click.echo(f'{text[: text.rindex("}")].rstrip()},\n  "score_events": [', nl=False)
    separator = "\n"
    for rows in result.events:
        for row in rows:
            click.echo(f"{separator}    {json.dumps(row, default=to_json)}", nl=False)
            separator = ",\n"
    click.echo("\n  ]\n}")


@users.command(epilog=example("users erase mallory"))
@click.argument("user")
@yes_option
@as_json
def erase(user: str, yes: bool, as_json: bool) -> None:
    """Erase a player for ever: name, password, attributes and logins are deleted, the ledger's sums stay.

    Boards no longer show the player, and the name is free. It can't be undone.
    """
    player = find_player(user)
    confirm(lambda: f"Erase {safe(player.username)} ({player.id}) for ever?", yes=yes)
    container().erasures.erase_by(operator(), player.id, request_id())
    emit({"user_id": player.id, "erased": True}, f"Erased {player.id}.", as_json=as_json)
