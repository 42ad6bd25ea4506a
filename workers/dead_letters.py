"""Peek at, replay and purge dead letters, as a process of its own: `python -m workers.dead_letters`.

Dead letters have no consumer: they wait until a person decides with `flask queues`, which starts this process.

One JSON object on stdin: `{"url", "command", "task", "id", "limit"}`, the last three to select letters (null: all).
One on stdout: the result, as the command's function describes it; with "error" beside it if the broker failed midway.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TypedDict

import amqp
from kombu import Connection

from workers.broker import BROKER_ERRORS, broker_connection, count_tasks_in_hand, is_rabbitmq, plain_app
from workers.queues import DEAD, KINDS, declare, queue_of

_TIMEOUT_SECONDS = 5.0
_EARLIER_DEATHS = "fairboard_deaths"
"""The header with the number of times that a letter had died before it was replayed."""


class QueueRequest(TypedDict):
    """The object on stdin."""

    url: str
    command: str
    task: str | None
    id: str | None
    limit: int | None


class QueueRow(TypedDict):
    """A queue's state; `None` where unknown."""

    queue: str
    ready: int
    unacked: int | None
    consumers: int | None


class Death(TypedDict, total=False):
    """The fields of a death, as the broker writes them into `x-death`, that are read here."""

    queue: str
    reason: str
    count: int
    time: datetime


Counts = dict[str, int]
"""Letters by verb."""


def status(url: str, _request: QueueRequest) -> dict[str, object]:
    """Return `{"queues": [{"queue", "ready", "unacked", "consumers"}], "dead": letters}`; `None` where unknown."""
    rabbitmq = is_rabbitmq(url)
    with broker_connection(url, _TIMEOUT_SECONDS) as connection:
        if rabbitmq:
            declare(connection)
        rows = [_queue_row(connection, name, rabbitmq) for name in (*KINDS, DEAD.name) if rabbitmq or name in KINDS]
    unacked = count_tasks_in_hand(plain_app(url), 1.0)
    for row in rows:
        if unacked is not None and row["queue"] in KINDS:
            row["unacked"] = unacked.get(row["queue"], 0)
    dead = [row["ready"] for row in rows if row["queue"] == DEAD.name]
    return {"queues": rows, "dead": dead[0] if dead else None}


def peek(url: str, request: QueueRequest) -> dict[str, object]:
    """Return `{"letters": […]}`, the oldest first, each with the facts of its death. They stay where they are."""
    with broker_connection(url, _TIMEOUT_SECONDS) as connection:
        return {"letters": [describe(message) for _, message in _select_letters(connection, request)]}


def replay(url: str, request: QueueRequest, counts: Counts) -> None:
    """Put letters back into the queues that they died in, and count them in `counts`, as `{"replayed"}`.

    A letter is acknowledged once the broker has confirmed its new message. A crash in between leaves both.
    """
    counts["replayed"] = 0
    with broker_connection(url, _TIMEOUT_SECONDS) as connection:
        publish_channel = connection.channel()
        for channel, message in _select_letters(connection, request):
            publish_channel.basic_publish(
                _build_replay(message), exchange="", routing_key=_origin(message), mandatory=True
            )
            channel.basic_ack(message.delivery_tag)
            counts["replayed"] += 1


def purge(url: str, request: QueueRequest, counts: Counts) -> None:
    """Delete letters, and count them in `counts`, as `{"purged"}`."""
    counts["purged"] = 0
    with broker_connection(url, _TIMEOUT_SECONDS) as connection:
        for channel, message in _select_letters(connection, request):
            channel.basic_ack(message.delivery_tag)
            counts["purged"] += 1


def describe(message: amqp.Message) -> dict[str, object]:
    """Return `{"id", "task", "queue", "reason", "deaths", "died_at", "request_ids", "arguments"}` of one letter."""
    headers, death = message.headers, _death(message)
    arguments = _arguments(message)
    return {
        "id": headers.get("id"),
        "task": headers.get("task"),
        "queue": _origin(message),
        "reason": death.get("reason"),
        "deaths": _count_deaths(message),
        "died_at": death["time"].replace(tzinfo=UTC).isoformat() if isinstance(death.get("time"), datetime) else None,
        "request_ids": arguments.get("request_ids") or [],
        "arguments": arguments,
    }


def _queue_row(connection: Connection, name: str, rabbitmq: bool) -> QueueRow:
    with connection.channel() as channel:
        try:
            queue = channel.queue_declare(name, passive=True)
        except connection.channel_errors:  # Redis has no empty list
            return {"queue": name, "ready": 0, "unacked": None, "consumers": None}
    consumers = queue.consumer_count if rabbitmq else None
    return {"queue": name, "ready": queue.message_count, "unacked": None, "consumers": consumers}


def _select_letters(connection: Connection, request: QueueRequest) -> Iterator[tuple[amqp.Channel, amqp.Message]]:
    """Yield each selected letter once, with the channel to acknowledge it on; the others go back in the end."""
    declare(connection)
    with connection.channel() as channel:
        count = 0
        for _ in range(channel.queue_declare(DEAD.name, passive=True).message_count):
            message = channel.basic_get(DEAD.name, no_ack=False)
            if message is None or count == request["limit"]:
                return
            headers = message.headers
            if request["task"] in (None, headers.get("task")) and request["id"] in (None, headers.get("id")):
                count += 1
                yield channel, message


def _death(message: amqp.Message) -> Death:
    """Return the last death in a work queue, or `{}`; a wait in a queue for retries counts as a death too."""
    deaths: list[Death] = message.headers.get("x-death") or []
    return next((death for death in deaths if death.get("queue") in KINDS), Death())


def _count_deaths(message: amqp.Message) -> int:
    count = sum(death["count"] for death in message.headers.get("x-death") or [] if death.get("queue") in KINDS)
    return int(count + message.headers.get(_EARLIER_DEATHS, 0))


def _origin(message: amqp.Message) -> str:
    return str(_death(message).get("queue") or queue_of(str(message.headers.get("task"))) or KINDS[0])


def _arguments(message: amqp.Message) -> dict[str, object]:
    try:
        _, arguments, _ = json.loads(message.body)
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}


def _build_replay(message: amqp.Message) -> amqp.Message:
    """Return the same task, as if it had never been delivered."""
    headers = {name: value for name, value in message.headers.items() if not name.startswith("x-")}
    properties = {**message.properties, "application_headers": {**headers, _EARLIER_DEATHS: _count_deaths(message)}}
    return amqp.Message(message.body, **{**properties, "delivery_mode": 2})


_READ_COMMANDS: dict[str, Callable[[str, QueueRequest], dict[str, object]]] = {"status": status, "peek": peek}
_WRITE_COMMANDS: dict[str, Callable[[str, QueueRequest, Counts], None]] = {"replay": replay, "purge": purge}


def main() -> None:
    """Print a line, run the command that stdin names once, and print its result."""
    print("ready", flush=True)
    request: QueueRequest = json.loads(sys.stdin.readline())
    url, command = request["url"], request["command"]
    counts: Counts = {}
    result: dict[str, object] = {}
    try:
        if command != "status" and not is_rabbitmq(url):
            result["error"] = (
                "Redis as the broker keeps no dead letters: a task that fails is gone. RabbitMQ keeps them."
            )
        elif command in _READ_COMMANDS:
            result = _READ_COMMANDS[command](url, request)
        else:
            _WRITE_COMMANDS[command](url, request, counts)
    except BROKER_ERRORS as error:
        result["error"] = " ".join(str(error).split()) or type(error).__name__
    print(json.dumps({**counts, **result}))


if __name__ == "__main__":
    main()
