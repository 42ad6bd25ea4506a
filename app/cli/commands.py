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

_REPEATED = {"boards": "board", "segments": "segment", "action_types": "action-type", "events": "event"}
"""Fields with several values, by options that are given once for each."""
_ARGUMENTS = ("username", "password", "slug", "attributes", "url")

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


def describe_refusal(refusal: Refusal) -> str:
    """Return a refusal in one line; fields are called by their options or arguments."""
    if not isinstance(refusal.details, list):
        return refusal.message
    return "; ".join(f"{_option(item['field'])} {item['message']}" for item in refusal.details)


def _option(field: str) -> str:
    name = _REPEATED.get(field, field)
    return name.upper() if name in _ARGUMENTS else "--" + name.replace("_", "-")


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
            raise click.ClickException(describe_refusal(refusal)) from refusal
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
