"""The broker's queues and the dead letters, for an operator."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass

import redis.exceptions

from app.services.operations.broker_questions import BrokerQuestions, Facts
from app.settings import Settings
from app.stores.operations.task_failures import TaskFailureStore
from app.stores.server_addresses import address

_READ_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice of letters: by a task's name, by one id, at most so many. None: all."""

    task: str | None = None
    id: str | None = None
    limit: int | None = None


class BrokerError(Exception):
    """A failure of the broker, or of asking it, in one line; `counts` are the letters handled before, by verb."""

    def __init__(self, message: str, counts: Facts) -> None:
        super().__init__(message)
        self.counts = counts


class Queues:
    """Every method raises BrokerError."""

    def __init__(self, settings: Settings, failures: TaskFailureStore, broker_questions: BrokerQuestions) -> None:
        self._url, self._failures, self._broker_questions = settings.broker_url, failures, broker_questions

    @property
    def address(self) -> str:
        """Return the broker's address without secrets."""
        return address(self._url)

    def status(self) -> Facts:
        """Return `{"queues": [{"queue", "ready", "unacked", "consumers"}], "dead": letters or None}`.

        `unacked` counts the messages that the workers report as in hand; None where no worker answers.
        """
        return self._ask("status", Choice())

    def peek(self, choice: Choice) -> list[Facts]:
        """Return letters, the oldest first, which stay in place.

        Each is `{"id", "task", "queue", "reason", "error", "deaths", "died_at", "request_ids", "arguments"}`. Its
        `error` is None for a task that could not report one.
        """
        letters: list[Facts] = self._ask("peek", choice)["letters"]
        errors: dict[str, str] = {}
        with contextlib.suppress(redis.exceptions.RedisError):  # the letters are useful without their errors
            errors = self._failures.errors_of([letter["id"] for letter in letters if letter["id"]])
        return [{**letter, "error": errors.get(letter["id"] or "")} for letter in letters]

    def replay(self, choice: Choice) -> int:
        """Move letters back into the queues in which they died; return how many. A crash half way loses none."""
        return int(self._ask("replay", choice, within=None)["replayed"])

    def purge(self, choice: Choice) -> int:
        """Delete letters; return how many."""
        return int(self._ask("purge", choice, within=None)["purged"])

    def _ask(self, command: str, choice: Choice, *, within: float | None = _READ_SECONDS) -> Facts:
        answer = self._broker_questions.handle_letters({"command": command, **asdict(choice)}, within=within)
        if "error" in answer:
            raise BrokerError(answer.pop("error"), answer)
        return answer
