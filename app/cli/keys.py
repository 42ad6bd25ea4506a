"""`flask keys`: API keys of a game's own server."""

from __future__ import annotations

from dataclasses import asdict

import click

from app.cli.commands import Commands, as_json, container, example
from app.cli.confirmation import confirm_on_terminal, yes_option
from app.cli.identity import operator, request_id
from app.cli.ids import find_key
from app.cli.numbers import WholeNumberRange
from app.cli.output import emit, facts, print_message, table
from app.domain.api_keys import MOST_GRACE_SECONDS, MOST_PER_MINUTE, SCOPES, ApiKey, Scope
from app.services.accounts.api_keys import ShownKey
from app.tables import safe

_COLUMNS = ("name", "prefix", "scopes", "per_minute", "created_at", "last_used_at", "previous_until", "revoked_at")
_SHOWN_ONCE = "The key is shown this once: it is stored nowhere."


@click.group(cls=Commands)
def keys() -> None:
    """Create, list, rotate and revoke the API keys of your game's own server.

    KEY is its name, prefix or id, or the beginning of its id: 8 digits or more that no other id begins with.
    """


def _row(key: ApiKey) -> dict[str, object]:
    values = asdict(key)
    del values["public_id"]
    return {**values, "prefix": key.prefix, "scopes": list(key.scopes)}


def _show(shown: ShownKey, heading: str, as_json: bool) -> None:
    values = {**_row(shown.key), "key": shown.text}
    emit(values, f"{heading}\n{facts({'key': shown.text})}", as_json=as_json)
    print_message(_SHOWN_ONCE)


@keys.command(epilog=example("keys create game-server --scope players --scope score"))
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    required=True,
    help="A right of the key; give it once for each.",
)
@click.option(
    "--per-minute", type=WholeNumberRange(1, MOST_PER_MINUTE), help="Its own limit instead of RATE_LIMIT_KEYS."
)
@as_json
def create(name: str, scopes: tuple[Scope, ...], per_minute: int | None, as_json: bool) -> None:
    """Create a key and show it, this once."""
    shown = container().api_keys.create(name, scopes, per_minute, by=operator(), request_id=request_id())
    _show(shown, f"Created the key {safe(name)} with the prefix {shown.key.prefix}.", as_json)


@keys.command("list", epilog=example("keys list"))
@as_json
def list_keys(as_json: bool) -> None:
    """List all keys, revoked ones too, without their secrets. The time of the last use may be five minutes late."""
    rows = [_row(key) for key in container().api_keys.all()]
    emit(rows, table(rows, _COLUMNS) if rows else "There are none.", as_json=as_json)


@keys.command(epilog=example("keys rotate game-server --grace 3600"))
@click.argument("key")
@click.option(
    "--grace",
    type=WholeNumberRange(0, MOST_GRACE_SECONDS),
    default=0,
    show_default=True,
    help="Seconds for which the present secret stays valid too.",
)
@yes_option
@as_json
def rotate(key: str, grace: int, yes: bool, as_json: bool) -> None:
    """Give a key another secret and show it, this once. Without --grace the present one ends at once."""
    current = find_key(key)
    if not grace:
        confirm_on_terminal(lambda: f"End the present secret of the key {safe(current.name)} at once?", yes=yes)
    shown = container().api_keys.rotate(current.id, grace, by=operator(), request_id=request_id())
    _show(shown, f"Rotated the key {safe(shown.key.name)}.", as_json)


@keys.command(epilog=example("keys revoke game-server"))
@click.argument("key")
@yes_option
@as_json
def revoke(key: str, yes: bool, as_json: bool) -> None:
    """End a key for ever, at once on every server."""
    api_keys = container().api_keys
    current = find_key(key)
    confirm_on_terminal(lambda: f"Revoke the key {safe(current.name)} ({current.prefix}) for ever?", yes=yes)
    is_changed = api_keys.revoke(current.id, by=operator(), request_id=request_id())
    text = f"Revoked the key {safe(current.name)}." if is_changed else f"{safe(current.name)} was revoked already."
    emit({**_row(api_keys.find(str(current.id))), "changed": is_changed}, text, as_json=as_json)
