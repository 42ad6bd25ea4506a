"""The questions of operators to the broker, which the services ask through a port: Celery isn't theirs to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

Facts = dict[str, Any]
"""An answer in JSON."""


class BrokerQuestions(Protocol):
    """Questions to the broker. An answer has `error`, one line, if there is no answer in `within` seconds or at all."""

    def probe(self, *, within: float) -> Facts:
        """Return the state of the broker, its queues and the workers."""

    def handle_letters(self, request: Mapping[str, object], *, within: float | None) -> Facts:
        """Return the result of a request about dead letters, with the letters handled before an `error` beside it."""
