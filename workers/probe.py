"""What the doctor asks of the broker, as a process of its own: `python -m workers.probe`, the broker's URL on stdin.

Prints one JSON object: `{"error"}` if the broker doesn't answer, else `{"product", "version", "queues", "dead",
"workers"}`: for each queue what waits and how many take from it (None where the broker doesn't count them), the dead
letters (None where there are none by nature) and the names of the workers that answered.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from workers.broker import BrokerFailure, connected, is_rabbitmq, plain_app
from workers.queues import DEAD, KINDS, declare

_SECONDS = 2.0


def probe(url: str) -> dict[str, Any]:
    """Ask the broker and its workers; a few seconds at the most, if nothing stalls after the handshake."""
    try:
        with connected(url, _SECONDS) as connection:
            found = _rabbitmq(connection) if is_rabbitmq(url) else _redis(connection)
        return {**found, "workers": _workers(url)}
    except BrokerFailure as error:
        return {"error": " ".join(str(error).split()) or type(error).__name__}


def _rabbitmq(connection: Any) -> dict[str, Any]:
    said = connection.connection.server_properties
    declare(connection)
    with connection.channel() as channel:
        told = {name: channel.queue_declare(name, passive=True) for name in (*KINDS, DEAD.name)}
    return {
        "product": said.get("product", "AMQP"),
        "version": said.get("version", "unknown"),
        "queues": {
            name: {"waiting": told[name].message_count, "consumers": told[name].consumer_count} for name in KINDS
        },
        "dead": told[DEAD.name].message_count,
    }


def _redis(connection: Any) -> dict[str, Any]:
    client = connection.default_channel.client
    return {
        "product": "Redis",
        "version": client.info("server")["redis_version"],
        "queues": {name: {"waiting": client.llen(name), "consumers": None} for name in KINDS},
        "dead": None,
    }


def _workers(url: str) -> list[str]:
    app = plain_app(url)
    for patience in (1.0, 3.0):  # a worker in the middle of something may need a second call
        found = app.control.inspect(timeout=patience).ping()
        if found:
            return sorted(found)
    return []


if __name__ == "__main__":
    print(json.dumps(probe(sys.stdin.readline().strip())))
