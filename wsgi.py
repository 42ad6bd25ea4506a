"""The WSGI entry: `gunicorn wsgi:app`, `flask --app wsgi`."""

import sys

import click
from flask import Flask

from app.factory import commands_alone, create_app
from app.result_sink import guard_results
from app.settings import BadSetting, Settings, drop_overriding_variables

_CANNOT_BOOT = 3  # gunicorn restarts a worker that exits with any other code, again and again


def _make_app() -> Flask:
    drop_overriding_variables()
    command = click.get_current_context(silent=True)
    is_for_commands = command is not None and command.parent is None  # `flask` lists them, or looks one up by its name
    if is_for_commands:
        guard_results()
    try:
        settings = Settings.from_env()
        if is_for_commands and "log_level" not in settings.model_fields_set:  # their results say what they did
            settings = settings.model_copy(update={"log_level": "warning"})
        return create_app(settings)
    except BadSetting as error:
        if is_for_commands:
            return commands_alone(error)
        print(f"fairboard: {error}", file=sys.stderr, flush=True)
        sys.exit(_CANNOT_BOOT)


app = _make_app()
