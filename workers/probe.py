"""What the doctor asks of the broker, as a process of its own: `python -m workers.probe`, the broker's URL on stdin.

Prints one JSON object: `{"error"}` if the broker doesn't answer, else `{"product", "version", "waiting",
"consumers", "workers"}`: messages that wait (None: no queue yet), consumers of the queue (None where the broker
doesn't count them) and the names of the workers that answered.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from celery import Celery
from kombu import Connection
from kombu.exceptions import KombuError

_SECONDS = 2
_QUEUE = "leaderboard"


def probe(url: str) -> dict[str, Any]:
    """Ask the broker and its workers; a few seconds at the most, if nothing stalls after the handshake."""
    options = {"socket_timeout": _SECONDS, "socket_connect_timeout": _SECONDS}
    if url.startswith("amqp"):
        options = {"read_timeout": _SECONDS, "write_timeout": _SECONDS}
    connection = Connection(url, connect_timeout=_SECONDS, transport_options=options)
    try:
        connection.connect()
        found = {**_server(connection), **_queue(connection)}
        found["workers"] = _workers(url)
    except (*connection.connection_errors, *connection.channel_errors, KombuError, OSError) as error:
        text = " ".join(str(error).split())
        return {"error": text or type(error).__name__}
    finally:
        connection.release()
    return found


def _server(connection: Any) -> dict[str, Any]:
    if connection.transport.driver_type != "amqp":
        version = connection.default_channel.client.info("server")["redis_version"]
        return {"product": "Redis", "version": version}
    said = connection.connection.server_properties
    return {"product": said.get("product", "AMQP"), "version": said.get("version", "unknown")}


def _queue(connection: Any) -> dict[str, Any]:
    counts = connection.transport.driver_type == "amqp"
    with connection.channel() as channel:
        try:
            found = channel.queue_declare(_QUEUE, passive=True)
        except connection.channel_errors:
            return {"waiting": None, "consumers": 0 if counts else None}
    return {"waiting": found.message_count, "consumers": found.consumer_count if counts else None}


def _workers(url: str) -> list[str]:
    app = Celery("fairboard", broker=url)
    app.config_from_object("celeryconfig")
    for patience in (1.0, 3.0):  # a worker in the middle of something may need a second call
        found = app.control.inspect(timeout=patience).ping()
        if found:
            return sorted(found)
    return []


if __name__ == "__main__":
    print(json.dumps(probe(sys.stdin.readline().strip())))
