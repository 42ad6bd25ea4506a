"""What `flask queues` does with the broker, as a process of its own: `python -m workers.dead_letters`.

One JSON object on stdin: `{"url", "command", "task", "id", "limit"}`, the last three to choose letters (null: all).
One on stdout: what was done, as the function of the command says; with "error" beside it if the broker failed midway.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import amqp

from workers.broker import BrokerFailure, connected, in_hand, is_rabbitmq, plain_app
from workers.queues import DEAD, KINDS, declare, kind_of

_SECONDS = 5.0
_EARLIER = "fairboard_deaths"
"""A header: how often a letter had died before it was replayed."""

Facts = dict[str, Any]


def status(url: str, _asked: Facts) -> Facts:
    """`{"queues": [{"queue", "ready", "unacked", "consumers"}], "dead": letters}`; None where nobody tells."""
    rabbitmq = is_rabbitmq(url)
    with connected(url, _SECONDS) as connection:
        if rabbitmq:
            declare(connection)
        rows = [_row(connection, name, rabbitmq) for name in (*KINDS, DEAD.name) if rabbitmq or name in KINDS]
    held = in_hand(plain_app(url), 1.0)
    for row in rows:
        if held is not None and row["queue"] in KINDS:
            row["unacked"] = held.get(row["queue"], 0)
    dead = [row["ready"] for row in rows if row["queue"] == DEAD.name]
    return {"queues": rows, "dead": dead[0] if dead else None}


def peek(url: str, asked: Facts) -> Facts:
    """`{"letters": […]}`: the oldest first, each with what is known of its death. They stay where they are."""
    with connected(url, _SECONDS) as connection:
        return {"letters": [described(message) for _, message in _chosen(connection, asked)]}


def replay(url: str, asked: Facts, done: Facts) -> None:
    """Put them back into the queue that they died in; `{"replayed"}`.

    A letter is taken off the dead ones when the broker has confirmed the new one. Dying in between leaves both.
    """
    done["replayed"] = 0
    with connected(url, _SECONDS) as connection:
        publishing = connection.channel()
        for channel, message in _chosen(connection, asked):
            publishing.basic_publish(_revived(message), exchange="", routing_key=_origin(message), mandatory=True)
            channel.basic_ack(message.delivery_tag)
            done["replayed"] += 1


def purge(url: str, asked: Facts, done: Facts) -> None:
    """Throw them away; `{"purged"}`."""
    done["purged"] = 0
    with connected(url, _SECONDS) as connection:
        for channel, message in _chosen(connection, asked):
            channel.basic_ack(message.delivery_tag)
            done["purged"] += 1


def described(message: amqp.Message) -> Facts:
    """`{"id", "task", "queue", "reason", "deaths", "died_at", "request_ids", "arguments"}` of one letter."""
    headers, death = message.headers, _death(message)
    arguments = _arguments(message)
    return {
        "id": headers.get("id"),
        "task": headers.get("task"),
        "queue": _origin(message),
        "reason": death.get("reason"),
        "deaths": _deaths(message),
        "died_at": death["time"].replace(tzinfo=UTC).isoformat() if isinstance(death.get("time"), datetime) else None,
        "request_ids": arguments.get("request_ids") or [],
        "arguments": arguments,
    }


def _row(connection: Any, name: str, rabbitmq: bool) -> Facts:
    with connection.channel() as channel:
        try:
            found = channel.queue_declare(name, passive=True)
        except connection.channel_errors:  # Redis has no empty list
            return {"queue": name, "ready": 0, "unacked": None, "consumers": None}
    consumers = found.consumer_count if rabbitmq else None
    return {"queue": name, "ready": found.message_count, "unacked": None, "consumers": consumers}


def _chosen(connection: Any, asked: Facts) -> Iterator[tuple[Any, amqp.Message]]:
    """Each letter that was asked for, once, with the channel to acknowledge it on; the others go back in the end."""
    declare(connection)
    with connection.channel() as channel:
        found = 0
        for _ in range(channel.queue_declare(DEAD.name, passive=True).message_count):
            message = channel.basic_get(DEAD.name, no_ack=False)
            if message is None or found == asked["limit"]:
                return
            headers = message.headers
            if asked["task"] in (None, headers.get("task")) and asked["id"] in (None, headers.get("id")):
                found += 1
                yield channel, message


def _death(message: amqp.Message) -> Facts:
    """Where it died last; before that it may have waited in a queue for retries, which counts as a death too."""
    deaths: list[Facts] = message.headers.get("x-death") or []
    return next((death for death in deaths if death.get("queue") in KINDS), {})


def _deaths(message: amqp.Message) -> int:
    counted = sum(death["count"] for death in message.headers.get("x-death") or [] if death.get("queue") in KINDS)
    return int(counted + message.headers.get(_EARLIER, 0))


def _origin(message: amqp.Message) -> str:
    return str(_death(message).get("queue") or kind_of(str(message.headers.get("task"))) or KINDS[0])


def _arguments(message: amqp.Message) -> Facts:
    try:
        _, arguments, _ = json.loads(message.body)
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}


def _revived(message: amqp.Message) -> amqp.Message:
    """The same task, as if it had never been delivered."""
    headers = {name: value for name, value in message.headers.items() if not name.startswith("x-")}
    properties = {**message.properties, "application_headers": {**headers, _EARLIER: _deaths(message)}}
    return amqp.Message(message.body, **{**properties, "delivery_mode": 2})


_LOOKS: dict[str, Callable[[str, Facts], Facts]] = {"status": status, "peek": peek}
_CHANGES: dict[str, Callable[[str, Facts, Facts], None]] = {"replay": replay, "purge": purge}


def main() -> None:
    """Do what stdin asks for, once."""
    asked = json.loads(sys.stdin.readline())
    url, command = asked["url"], asked["command"]
    done: Facts = {}
    try:
        if command != "status" and not is_rabbitmq(url):
            done["error"] = "Redis as the broker keeps no dead letters: a task that fails is gone. RabbitMQ keeps them."
        elif command in _LOOKS:
            done = _LOOKS[command](url, asked)
        else:
            _CHANGES[command](url, asked, done)
    except BrokerFailure as error:
        done["error"] = " ".join(str(error).split()) or type(error).__name__
    print(json.dumps(done))


if __name__ == "__main__":
    main()
