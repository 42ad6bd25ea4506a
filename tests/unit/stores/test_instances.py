"""A store is an object that the container hands in: no caller uses one by its class's name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def _static_calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if name.endswith("Store"):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {name}.{method}"


def test_no_store_is_called_by_its_class() -> None:
    files = [path for folder in ("app", "workers", "bench", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert [call for path in files for call in _static_calls(path)] == []
