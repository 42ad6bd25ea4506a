"""What every command has in common: how it finds the services, how it fails, and its --json."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup, ScriptInfo

from app.cli.identity import operator, request_id
from app.containers.container import Container
from app.errors import Refusal
from app.services.operations.error_messages import BROKEN, explain

REFUSAL = "fairboard.refusal"
"""Where an app that has no services keeps the BadSetting that says why."""

_ARGUMENTS = ("username", "password", "slug")


def container() -> Container:
    """The services of this process."""
    refusal = current_app.extensions.get(REFUSAL)
    if refusal is not None:
        raise click.ClickException(str(refusal))
    built: Container = current_app.extensions["fairboard"]
    return built


def refused(refusal: Refusal) -> str:
    """A refusal in one line; fields are called by their options, or arguments."""
    if not isinstance(refusal.details, list):
        return refusal.message
    return "; ".join(f"{_option(item['field'])} {item['message']}" for item in refusal.details)


def _option(field: str) -> str:
    return field.upper() if field in _ARGUMENTS else "--" + field.replace("_", "-")


class Commands(AppGroup):
    """A group whose commands fail with one line on standard error and exit code 1, never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            raise click.ClickException(refused(refusal)) from refusal
        except UnicodeEncodeError as error:  # a shell may give any bytes
            raise click.ClickException("An argument has characters that no text may have.") from error
        except BROKEN as error:
            settings = ctx.ensure_object(ScriptInfo).load_app().extensions["fairboard"].settings
            raise click.ClickException(explain(error, settings)) from error


def note(act: str, subject: str, **details: Any) -> None:
    """Put into the audit log what this command is about to do, where that is no transaction of its own."""
    container().audit.note(operator(), act, subject, details, request_id())


as_json: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON on standard output; messages go to standard error."
)


def example(line: str) -> str:
    """The end of a command's --help."""
    return f"\b\nExample:\n  flask --app wsgi {line}"
