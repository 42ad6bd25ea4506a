"""All commands of `flask`. A module is imported when a command of it is run or completed, not when it is listed."""

from __future__ import annotations

from importlib import import_module
from pkgutil import resolve_name

import click
from flask import Flask

# Each command or group: its place as `module:name`, and its help, of which a list of commands shows the beginning.
_COMMANDS = {
    "users": ("app.cli.users:users", "Create, list, show, change, suspend, export and erase accounts."),
    "keys": ("app.cli.keys:keys", "Create, list, rotate and revoke the API keys of your game's own server."),
    "actions": ("app.cli.actions:actions", "List, add, change and retire action types."),
    "boards": (
        "app.cli.boards:boards",
        "List, create, change and archive boards, apply a file of them, and replay the past.",
    ),
    "leaderboard": (
        "app.cli.leaderboard:leaderboard",
        "Read a board, rebuild or verify it, and void or restore points.",
    ),
    "export": (
        "app.cli.exports:export",
        "Export players, standings and events as CSV or JSON lines, all of one moment.",
    ),
    "import": ("app.cli.imports:imports", "Import players, standings and events from CSV or JSON lines."),
    "analytics": ("app.cli.analytics:analytics", "Show, rebuild and verify the roll-ups of play."),
    "anticheat": (
        "app.cli.anticheat:anticheat",
        "List and decide cases, show their evidence, undo a decision, and look for more cases in the ledger.",
    ),
    "audit": (
        "app.cli.audit:audit",
        "List, verify and accept the audit log: every privileged act, suspension and decision.",
    ),
    "outbox": ("app.cli.outbox:outbox", "Show the outbox: changes that are committed and not yet published."),
    "queues": ("app.cli.queues:queues", "Show the broker's queues; peek at, replay and purge its dead letters."),
    "doctor": (
        "app.cli.doctor:doctor",
        "Examine every part that Fairboard needs; print each problem with its remedy; exit 1 if there is one.",
    ),
    "db": ("app.cli.db:db", "Upgrade, downgrade and show the database's schema."),
    "webhooks": ("app.cli.webhooks:webhooks", "Send events to other servers, signed as Standard Webhooks."),
}
# Modules that add commands to a group of another module.
_ADDITIONS = {
    "users": ("app.cli.user_accounts",),
    "leaderboard": ("app.cli.corrections", "app.cli.scores"),
}


class _LazyCommand(click.Command):
    """A command that stands in a list with its help, and gives way to the real one when its line is parsed."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        return _load(str(self.name)).make_context(info_name, args, parent, **extra)


def register(app: Flask) -> None:
    """Add the commands to `flask --app wsgi`."""
    for name, (_, help_text) in _COMMANDS.items():
        app.cli.add_command(_LazyCommand(name, help=help_text))


def commands() -> dict[str, click.Command]:
    """Import all commands and return them by their names."""
    return {name: _load(name) for name in _COMMANDS}


def _load(name: str) -> click.Command:
    for module in _ADDITIONS.get(name, ()):
        import_module(module)
    command: click.Command = resolve_name(_COMMANDS[name][0])
    return command
