"""Whether values are as their types say: the TypedDicts of the Python client against real answers."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any, NotRequired


def problems(value: Any, shape: Any, place: str = "") -> Iterator[str]:
    """Yield each part of the value that is missing or of another type. Fields that no type names are no problem."""
    origin, arguments = typing.get_origin(shape), typing.get_args(shape)
    if typing.is_typeddict(shape):
        yield from _field_problems(value, shape, place)
    elif origin is list:
        for item in value:
            yield from problems(item, arguments[0], f"{place}[]")
    elif origin is types.UnionType or origin is typing.Union:
        if all(any(problems(value, choice)) for choice in arguments):
            yield f"{place}: {value!r} is none of {shape}"
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{place}: {value!r} is none of {arguments}"
    elif shape is not Any and not _is_instance(value, origin or shape):
        yield f"{place}: {value!r} is no {shape}"


def _field_problems(value: Any, shape: Any, place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: {value!r} is no {shape.__name__}"
        return
    for name, hint in typing.get_type_hints(shape, include_extras=True).items():
        is_optional = typing.get_origin(hint) is NotRequired
        if name in value:
            yield from problems(value[name], typing.get_args(hint)[0] if is_optional else hint, f"{place}.{name}")
        elif not is_optional:
            yield f"{place}.{name} is missing"


def _is_instance(value: Any, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
