"""The page about the commands of `flask`: all help texts, from the commands themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping

import click

from app.cli import register

_INTRODUCTION = """# Commands

The operator's commands, as `flask COMMAND --help` prints them. They need
[the settings of the processes](../operations/README.md#commands); `--help` needs none.

| exit code | meaning |
| --- | --- |
| 0 | it is done, or all is well |
| 1 | it is not; one line on standard error gives the reason |
| 2 | the arguments are wrong |
"""


def commands() -> dict[str, click.Command]:
    """Return all commands and groups by the words after `flask`, each group before its commands."""
    return dict(_walk("", register.commands()))


def _walk(prefix: str, children: Mapping[str, click.Command]) -> Iterator[tuple[str, click.Command]]:
    for name, command in sorted(children.items()):
        yield f"{prefix}{name}", command
        if isinstance(command, click.Group):
            yield from _walk(f"{prefix}{name} ", command.commands)


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([_INTRODUCTION, *(_section(words, command) for words, command in commands().items())])


def _section(words: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"flask {words}")
    level = "#" * (2 + words.count(" "))
    parts = [f"{level} flask {words}\n", *_paragraphs(command.help or "")]
    if not isinstance(command, click.Group):
        parts.append(f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```\n")
        parts.append(_options(command, context))
        parts += _paragraphs(command.epilog or "")
    return "\n".join(parts)


def _paragraphs(text: str) -> Iterator[str]:
    """Yield each paragraph of a help text; one that click does not wrap is a block of code."""
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if "\b" in paragraph:
            yield f"```text\n{inspect.cleandoc(paragraph.replace(chr(8), '').strip(chr(10)))}\n```\n"
        elif paragraph:
            yield f"{_escape(' '.join(paragraph.split()))}\n"


def _options(command: click.Command, context: click.Context) -> str:
    options = [param for param in command.get_params(context) if isinstance(param, click.Option)]
    records = [record for option in options if (record := option.get_help_record(context))]
    rows = [f"| `{name}` | {_escape(help_text)} |" for name, help_text in records]
    return "\n".join(["| option | meaning |", "| --- | --- |", *rows, ""])


def _escape(text: str) -> str:
    return re.sub(r"([<>|*_\[\]])", r"\\\1", " ".join(text.split()))
