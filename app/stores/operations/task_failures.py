"""The errors of failed tasks, stored for as long as their dead letters may be looked at."""

from __future__ import annotations

from collections.abc import Sequence

from app.stores.redis.client import Client

_SECONDS = 7 * 86_400


def _key(task_id: str) -> str:
    return f"failure:{{{task_id}}}"


class TaskFailureStore:
    """One line of error text for each task."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def note(self, task_id: str, error: str) -> None:
        """Store the error for a week. Raises redis.RedisError."""
        self._client.set(_key(task_id), error, ex=_SECONDS)

    def errors_of(self, task_ids: Sequence[str]) -> dict[str, str]:
        """Return the stored errors of these tasks, by task id. Raises redis.RedisError."""
        errors = {task_id: self._client.get(_key(task_id)) for task_id in task_ids}
        return {task_id: error for task_id, error in errors.items() if error}
