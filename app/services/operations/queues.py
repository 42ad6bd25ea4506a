"""The broker's queues and the dead letters, for an operator."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass

import redis.exceptions

from app.services.operations.broker_client import Facts, ask
from app.settings import Settings
from app.stores.operations.task_failures import TaskFailureStore
from app.stores.server_addresses import address

_LOOK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters: of a task's name, of one id, at most so many. None: all."""

    task: str | None = None
    id: str | None = None
    limit: int | None = None


class BrokerFails(Exception):
    """One line: what the broker, or our asking it, said; `done` is what had been done by then."""

    def __init__(self, message: str, done: Facts) -> None:
        super().__init__(message)
        self.done = done


class Queues:
    """Every method raises BrokerFails."""

    def __init__(self, settings: Settings, failures: TaskFailureStore) -> None:
        self._url, self._failures = settings.broker_url, failures

    @property
    def place(self) -> str:
        """The broker, as it may be shown."""
        return address(self._url)

    def status(self) -> Facts:
        """`{"queues": [{"queue", "ready", "unacked", "consumers"}], "dead": letters or None}`.

        `unacked` is what the workers say that they have in hand; None where nobody tells.
        """
        return self._ask("status", Choice())

    def peek(self, choice: Choice) -> list[Facts]:
        """The oldest letters first: `{"id", "task", "queue", "reason", "error", "deaths", "died_at", "request_ids",
        "arguments"}` each. They stay where they are. `error` is None for a task that could not tell any more."""
        letters: list[Facts] = self._ask("peek", choice)["letters"]
        errors: dict[str, str] = {}
        with contextlib.suppress(redis.exceptions.RedisError):  # the letters are worth seeing without
            errors = self._failures.of([letter["id"] for letter in letters if letter["id"]])
        return [{**letter, "error": errors.get(letter["id"] or "")} for letter in letters]

    def replay(self, choice: Choice) -> int:
        """Put letters back into the queues that they died in; how many. None is lost if this dies half way."""
        return int(self._ask("replay", choice, within=None)["replayed"])

    def purge(self, choice: Choice) -> int:
        """Throw letters away; how many."""
        return int(self._ask("purge", choice, within=None)["purged"])

    def _ask(self, command: str, choice: Choice, *, within: float | None = _LOOK_SECONDS) -> Facts:
        question = {"url": self._url, "command": command, **asdict(choice)}
        answer = ask("workers.dead_letters", json.dumps(question), within=within)
        if "error" in answer:
            raise BrokerFails(answer.pop("error"), answer)
        return answer
