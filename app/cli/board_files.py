"""Files of boards and action types: `[boards.<slug>]` and `[action_types.<slug>]` in TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import click

from app.domain.board_plans import Fields
from app.tables import safe

_SECTIONS = ("boards", "action_types")


def read_file(path: Path) -> tuple[dict[str, Fields], dict[str, Fields]]:
    """Return the fields of the boards and of the action types in a file, by slug. Raises ClickException."""
    name = safe(str(path))
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise click.ClickException(f"{name} can't be read: {error.strerror}.") from error
    except ValueError as error:  # no UTF-8, or no TOML; a slug that comes twice too
        raise click.ClickException(f"{name} is not valid TOML: {safe(str(error))}.") from error
    unknown = [section for section in document if section not in _SECTIONS]
    if unknown:
        raise click.ClickException(f"{name} has '{safe(unknown[0])}': its tables are [boards.…] and [action_types.…].")
    boards, types = (_tables(name, section, document.get(section, {})) for section in _SECTIONS)
    return boards, types


def _tables(name: str, section: str, tables: object) -> dict[str, Fields]:
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise click.ClickException(f"{name}: write each of {section} as a table such as [{section}.weekly].")
    return {slug: _without_none(values) for slug, values in tables.items()}


def _without_none(values: Mapping[str, object]) -> Fields:
    """Return the values with None for the word none, which clears a field: TOML has no null."""
    return {name: None if value == "none" and name != "name" else value for name, value in values.items()}
