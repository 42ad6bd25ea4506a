"""The common parts of all commands: how they find the services, how they fail, and their --json."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

import click
from flask import current_app
from flask.cli import AppGroup, ScriptInfo

from app.cli.identity import operator, request_id
from app.domain.id_prefixes import AmbiguousId
from app.errors import Refusal
from app.tables import safe

if TYPE_CHECKING:
    from app.containers.container import Container

Function = TypeVar("Function", bound=Callable[..., object])


class CommandDecorator(Protocol):
    """A decorator that adds options to a command's function."""

    def __call__(self, command: Function, /) -> Function: ...


def container() -> Container:
    """Return the services; the first call builds them. Raises ClickException with an invalid setting."""
    services: Container | None = current_app.extensions.get("fairboard")
    if services is None:
        from app.cli.services import build  # costs a second: --help and a shell's completion need no services

        services = current_app.extensions["fairboard"] = build()
    return services


def _broken() -> tuple[type[Exception], ...]:
    from app.services.operations.error_messages import BROKEN  # imports the drivers: only a failure needs them here

    return BROKEN


def describe_refusal(refusal: Refusal, command: click.Command | None) -> str:
    """Return a refusal in one line, with its fields named as the usage of the command names them."""
    if not isinstance(refusal.details, list):
        return refusal.message
    return "; ".join(f"{_name_field(item['field'], command)} {item['message']}" for item in refusal.details)


def _name_field(field: str, command: click.Command | None) -> str:
    """Return the command's option or argument for a field, or the field itself, such as one of a file, without any."""
    names = {field, field.removesuffix("s")}  # an option for each of several values has the singular
    for parameter in command.params if command else ():
        option = max(parameter.opts, key=len)
        if parameter.name == field or option.lstrip("-").replace("-", "_") in names:
            return option if isinstance(parameter, click.Option) else parameter.human_readable_name
    return field


def _list_candidates(error: AmbiguousId) -> str:
    lines = [f"  {candidate.id}  {safe(candidate.label)}" for candidate in error.candidates]
    return "\n".join([f"{error} Give more of it:", *lines, *(["  and more"] if error.has_more else [])])


class Commands(AppGroup):
    """A group whose commands fail with one line on standard error and exit code 1, never with a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):  # among them the end of --help
            raise
        except Refusal as refusal:
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            raise click.ClickException(describe_refusal(refusal, command)) from refusal
        except AmbiguousId as error:
            raise click.ClickException(_list_candidates(error)) from error
        except UnicodeEncodeError as error:  # a shell may pass any bytes
            raise click.ClickException("An argument has characters that can't be stored, such as NUL.") from error
        except _broken() as error:
            from app.services.operations.error_messages import explain

            settings = ctx.ensure_object(ScriptInfo).load_app().extensions["fairboard"].settings
            raise click.ClickException(explain(error, settings)) from error


@contextmanager
def recorded_act(act: str, subject: str, **details: object) -> Iterator[None]:
    """Record in the audit log the act of the block, before it begins, where it has no transaction of its own.

    If the block fails, a second row with the same request id records that, as `act.failed`.
    """
    audit, act_id = container().audit, request_id()
    audit.note(operator(), act, subject, details, act_id)
    try:
        yield
    except Exception as error:
        from app.stores.unavailability import reason_of

        with suppress(*_broken()):  # the failure itself is reported
            audit.note(operator(), f"{act}.failed", subject, {"error": reason_of(error)}, act_id)
        raise


as_json: CommandDecorator = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON on standard output; messages go to standard error."
)


def example(line: str) -> str:
    """Return the end of a command's --help."""
    return f"\b\nExample:\n  flask --app wsgi {line}"
