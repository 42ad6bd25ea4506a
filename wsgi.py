"""The WSGI entry: `gunicorn wsgi:app`, `flask --app wsgi`."""

import os
import sys

import click
from flask import Flask
from flask.cli import cli

from app.cli.register import register as register_commands
from app.environment import drop_overriding_variables
from app.result_sink import guard_results

_CANNOT_BOOT = 3  # gunicorn restarts a worker that exits with any other code, again and again


def _make_app() -> Flask:
    drop_overriding_variables()
    _drop_limiter()
    command = click.get_current_context(silent=True)
    if "_FLASK_COMPLETE" in os.environ:  # a shell completes a line
        return _commands_alone()
    if command is not None and command.parent is None:  # `flask` lists its commands, or looks one up by its name
        guard_results()
        return _commands_alone()
    return _web_app()


def _commands_alone() -> Flask:
    """Return an app with our commands alone. Each builds its services when it runs, with errors in its own words."""
    app = Flask("fairboard", static_folder=None)
    register_commands(app)
    return app


def _web_app() -> Flask:
    from app.factory import create_app  # costs two seconds, which no command has to wait for
    from app.settings import BadSetting, Settings

    try:
        return create_app(Settings.from_env())
    except BadSetting as error:
        print(f"fairboard: {error}", file=sys.stderr, flush=True)
        sys.exit(_CANNOT_BOOT)


def _drop_limiter() -> None:
    """Take Flask-Limiter's commands away: they know nothing of our limits, which count in Redis by themselves."""
    cli.commands.pop("limiter", None)
    context = click.get_current_context(silent=True)
    root = context.find_root() if context else None
    if root and root.invoked_subcommand == "limiter":
        raise click.UsageError("No such command 'limiter'.", root)


app = _make_app()
