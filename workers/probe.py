"""The doctor's questions to the broker, as a process of its own: `python -m workers.probe`, the broker's URL on stdin.

Prints a line once it is ready for the question, then one JSON object: `{"error"}` if the broker doesn't answer, else
`{"product", "version", "queues", "dead", "workers"}`: for each queue the tasks that wait and the number of consumers
(None where the broker doesn't count them), the dead letters (None where there are none by nature) and the names of the
workers that answered.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from celery import Celery
from kombu import Connection

from workers.broker import BROKER_ERRORS, broker_connection, is_rabbitmq, plain_app
from workers.queues import DEAD, KINDS, declare

_TIMEOUT_SECONDS = 2.0


def probe(url: str) -> dict[str, object]:
    """Ask the broker and its workers; take a few seconds at most, if nothing stalls after the handshake."""
    try:
        app = plain_app(url)
        with broker_connection(url, _TIMEOUT_SECONDS) as connection:
            if is_rabbitmq(url):
                state = _probe_rabbitmq(connection)
                may_answer = any(queue["consumers"] for queue in state["queues"].values())
            else:
                state = _probe_redis(connection)
                may_answer = has_listeners(connection, app)
        return {**state, "workers": _ping_workers(app, patiently=may_answer)}
    except BROKER_ERRORS as error:
        return {"error": " ".join(str(error).split()) or type(error).__name__}


def _probe_rabbitmq(connection: Connection) -> dict[str, Any]:
    server = connection.connection.server_properties
    declare(connection)
    with connection.channel() as channel:
        queues = {name: channel.queue_declare(name, passive=True) for name in (*KINDS, DEAD.name)}
    return {
        "product": server.get("product", "AMQP"),
        "version": server.get("version", "unknown"),
        "queues": {
            name: {"waiting": queues[name].message_count, "consumers": queues[name].consumer_count} for name in KINDS
        },
        "dead": queues[DEAD.name].message_count,
    }


def _probe_redis(connection: Connection) -> dict[str, Any]:
    client = connection.default_channel.client
    return {
        "product": "Redis",
        "version": client.info("server")["redis_version"],
        "queues": {name: {"waiting": client.llen(name), "consumers": None} for name in KINDS},
        "dead": None,
    }


def has_listeners(connection: Connection, app: Celery) -> bool:
    """Return whether Redis knows of workers to call: those that run, and those that were killed."""
    return bool(connection.default_channel.get_table(app.control.mailbox.exchange.name))


def _ping_workers(app: Celery, *, patiently: bool) -> list[str]:
    """Return the names of the workers that answer; a busy one may need another call, so be patient with those."""
    for timeout in (1.0, 3.0, 6.0) if patiently else (1.0,):
        replies = app.control.inspect(timeout=timeout).ping()
        if replies:
            return sorted(replies)
    return []


if __name__ == "__main__":
    print("ready", flush=True)
    print(json.dumps(probe(sys.stdin.readline().strip())))
