"""The services of a command of `flask`, with its log."""

from __future__ import annotations

import sys

import click

from app import logs
from app.containers.accounts import check_blocked_names
from app.containers.container import Container
from app.containers.url_checks import check_urls
from app.settings import BadSetting, Settings


def build() -> Container:
    """Return the services by the settings of the environment. Raises ClickException with the invalid setting."""
    try:
        settings = Settings.from_env()
        if _is_terse(settings):
            settings = settings.model_copy(update={"log_level": "warning"})
        logs.configure(settings)
        check_urls(settings)
        check_blocked_names(settings)
    except BadSetting as error:
        raise click.ClickException(str(error)) from error
    return Container(settings)


def _is_terse(settings: Settings) -> bool:
    """Return whether a command logs warnings alone: its result is printed already, and a terminal is no log."""
    return "log_level" not in settings.model_fields_set or (settings.log_level == "info" and sys.stderr.isatty())
