"""Rows of textual SQL, and the shapes that the stores read them into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa

Shape = TypeVar("Shape")

Row: TypeAlias = sa.Row[*tuple[Any, ...]]
"""A row of textual SQL, whose columns SQLAlchemy can't know. No row leaves the stores."""


def read_row(row: Row, shape: Callable[..., Shape], *, without: str = "") -> Shape:
    """Return the row as this dataclass or TypedDict, whose fields are named as the columns are, except `without`."""
    if not without:
        return shape(**row._mapping)
    return shape(**{name: value for name, value in row._mapping.items() if name != without})
