"""The product under measurement: all parts private, in a temporary folder, with limits high enough for the load."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from devstack.apps import Web
from devstack.child import free_port
from devstack.stack import PARTS, Stack

Tier = TypeVar("Tier", bound=Web)

# The limits stay in force and count, but are higher. Tokens live longer than a run.
SETTINGS = {
    "LOG_LEVEL": "info",
    "RATE_LIMIT_AUTH": "10000000/minute",
    "RATE_LIMIT_ACTIONS": "10000000/minute",
    "RATE_LIMIT_READS": "10000000/minute",
    "RATE_LIMIT_SOCKETS": "10000000/minute",
    "MAX_SOCKETS_PER_PLAYER": "100000",
    "MAX_SOCKETS_PER_ADDRESS": "100000",
    "MAX_ACTIVE_ACTIONS": "10000",
    "ACTION_SECONDS": "3600",
    "ACCESS_TOKEN_SECONDS": "3600",
    # Pings to thousands of sockets would be counted with the pushes.
    "PING_SECONDS": "600",
}


@contextlib.contextmanager
def stage(
    broker: str,
    progress: Callable[[str], None],
    more: Mapping[str, str] | None = None,
    parts: Iterable[str] = PARTS,
) -> Iterator[Stack]:
    """Start the product, or these parts of it, and yield it once it answers; `more` settings add to the usual ones."""
    with tempfile.TemporaryDirectory(prefix="fairboard-bench-") as folder:
        stack = Stack(folder, {**SETTINGS, **(more or {})}, broker=broker, parts=parts)
        stack.start(progress)
        try:
            yield stack
        finally:
            stack.stop()


@contextlib.contextmanager
def another_web(stack: Stack, kind: type[Tier]) -> Iterator[Tier]:
    """Start one more web tier beside the stack's own, with the same configuration but for its port."""
    port = str(free_port())
    web = kind(stack.folder.log(f"web-{port}"), {**stack.env, "PORT": port})
    web.start()
    try:
        yield web
    finally:
        web.stop()
