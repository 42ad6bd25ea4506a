"""The WSGI entry: `gunicorn wsgi:app`, `flask --app wsgi`."""

import os
import sys

import click
from flask import Flask
from flask.cli import cli

from app.factory import commands_alone, create_app
from app.result_sink import guard_results
from app.settings import BadSetting, Settings, drop_overriding_variables

_CANNOT_BOOT = 3  # gunicorn restarts a worker that exits with any other code, again and again


def _make_app() -> Flask:
    drop_overriding_variables()
    _drop_limiter()
    if "_FLASK_COMPLETE" in os.environ:  # a shell completes a line: it needs names alone
        return commands_alone()
    command = click.get_current_context(silent=True)
    is_for_commands = command is not None and command.parent is None  # `flask` lists them, or looks one up by its name
    if is_for_commands:
        guard_results()
    try:
        settings = Settings.from_env()
        if is_for_commands and _is_terse(settings):
            settings = settings.model_copy(update={"log_level": "warning"})
        return create_app(settings)
    except BadSetting as error:
        if is_for_commands:
            return commands_alone(error)
        print(f"fairboard: {error}", file=sys.stderr, flush=True)
        sys.exit(_CANNOT_BOOT)


def _drop_limiter() -> None:
    """Take Flask-Limiter's commands away: they know nothing of our limits, which count in Redis by themselves."""
    cli.commands.pop("limiter", None)
    context = click.get_current_context(silent=True)
    root = context.find_root() if context else None
    if root and root.invoked_subcommand == "limiter":
        raise click.UsageError("No such command 'limiter'.", root)


def _is_terse(settings: Settings) -> bool:
    """Return whether a command logs warnings alone: its result says what it did, and a terminal is no log."""
    return "log_level" not in settings.model_fields_set or (settings.log_level == "info" and sys.stderr.isatty())


app = _make_app()
