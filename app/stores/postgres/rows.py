"""Rows of textual SQL, and the shapes that the stores read them into."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

import sqlalchemy as sa

Shape = TypeVar("Shape")

Row: TypeAlias = sa.Row[*tuple[Any, ...]]
"""A row of textual SQL, whose columns SQLAlchemy can't know. No row leaves the stores."""


@lru_cache(maxsize=512)
def parsed(sql: str) -> sa.TextClause:
    """Return the statement of a text. SQLAlchemy looks for parameters each time, which costs more than the rest."""
    return sa.text(sql)


def read_row(row: Row, shape: Callable[..., Shape], *, without: str = "") -> Shape:
    """Return the row as this dataclass or TypedDict, whose fields are named as the columns are, except `without`."""
    if not without:
        return shape(**row._mapping)
    return shape(**{name: value for name, value in row._mapping.items() if name != without})


def array_text(values: Iterable[int | UUID]) -> str:
    """Return PostgreSQL's text of an array, to be cast in the query: psycopg looks at each element of a list."""
    return f"{{{','.join(map(str, values))}}}"
