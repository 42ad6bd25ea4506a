"""The types of views and their decorators."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class ViewDecorator(Protocol):
    """A decorator that runs a check before a view and keeps its signature."""

    def __call__(self, view: Callable[P, R], /) -> Callable[P, R]: ...
