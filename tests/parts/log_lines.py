"""The log lines of one module of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import structlog
from structlog.testing import capture_logs


@contextmanager
def lines_of(module: ModuleType) -> Iterator[list[Any]]:
    """Yield the lines that the module's `log` writes meanwhile.

    Its logger is a new one for that time: one that was used before another test configured logging keeps the older
    configuration, which nothing can capture.
    """
    original: object = module.__dict__["log"]
    module.__dict__["log"] = structlog.get_logger()
    try:
        with capture_logs() as lines:
            yield lines
    finally:
        module.__dict__["log"] = original
