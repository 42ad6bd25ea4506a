"""Answers as the demo's players judge them: a refusal is an answer too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import fairboard_client
from fairboard_client import FairboardError


@dataclass(frozen=True)
class Answer:
    """The `data` of an answer, or the `code` of a refusal; `status` 0 stands for no answer."""

    status: int
    data: Any = None
    code: str = ""
    replayed: bool = False

    @property
    def refusal(self) -> str:
        """Return the status and code, such as `403 token_already_used`."""
        return f"{self.status} {self.code}"


def answer_of(call: Callable[[], fairboard_client.Answer]) -> Answer:
    """Make a call; return its answer or refusal."""
    try:
        answer = call()
    except FairboardError as error:
        return Answer(error.status, code=error.code)
    return Answer(answer.status, answer.data, replayed=answer.is_replayed)
