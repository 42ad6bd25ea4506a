"""The AsyncAPI document: the messages of a socket, the webhooks, and the events on RabbitMQ."""

from __future__ import annotations

from typing import Any

from app.domain.webhook_events import EVENT_DATA
from app.http.answers.sockets import CLIENT_MESSAGES, SERVER_MESSAGES
from app.http.reference.broker_events import BROKER_EVENTS, EXCHANGE
from app.http.reference.openapi import VERSION
from app.http.reference.samples import sample
from app.http.reference.schemas import Schema, schemas_of

CLOSE_CODES = {
    1002: "A frame breaks RFC 6455.",
    1007: "The reason of a close frame is not UTF-8.",
    1008: "After an error: a bad, expired, revoked or missing token (401), a suspended player (403), an unknown board"
    " (404), no subscribe in time (401), too many sockets or messages (429); or a third unreadable message.",
    1009: "A message has over 4 KiB.",
    1011: "A bug of ours.",
    1012: "The server stops; connect again.",
    1013: "The stores do not answer; try again in a moment.",
    4408: "Two pings in a row were not answered.",
    4409: "The client could not read for too long.",
}
_INFO = """\
The messages that Fairboard sends and reads beside HTTP. [The calls](/openapi.json) have a document of their own.

A socket begins with `subscribe` or `watch`, within 10 s. Webhooks are signed as Standard Webhooks, delivered at least
once and in no order. Events on RabbitMQ are tasks of Celery; they may come twice, late, or out of order, and say only
that something has changed: read its state.
"""
_SIGNATURE: Schema = {
    "type": "object",
    "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
    "properties": {
        "webhook-id": {"type": "string", "description": "The event's id, the same in every attempt."},
        "webhook-timestamp": {"type": "string", "description": "The time of the attempt, in Unix seconds."},
        "webhook-signature": {
            "type": "string",
            "description": "`v1,` and the base64 of an HMAC-SHA256; two of them while the secret is rotated.",
        },
    },
}
_SOCKET, _WEBHOOKS, _BROKER = "leaderboard", "webhooks", "events"


def asyncapi() -> dict[str, Any]:
    """Return the document, as JSON is parsed."""
    types: dict[str, Any] = {**CLIENT_MESSAGES, **SERVER_MESSAGES, **EVENT_DATA}
    types |= {event.task: event.arguments for event in BROKER_EVENTS}
    by_name, schemas = schemas_of(types)
    messages = _messages(by_name, schemas)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Messages of Fairboard", "version": VERSION, "description": _INFO},
        "defaultContentType": "application/json",
        "servers": {
            "sockets": {"host": "localhost", "protocol": "wss", "description": "The address of the API itself."},
            "receivers": {"host": "example.com", "protocol": "https", "description": "The receiver of a webhook."},
            "broker": {"host": "rabbitmq:5672", "protocol": "amqp", "description": "`BROKER_URL`."},
        },
        "channels": _channels(),
        "operations": _operations(),
        "components": {"messages": messages, "schemas": dict(sorted(schemas.items()))},
    }


def _channels() -> dict[str, object]:
    return {
        _SOCKET: {
            "address": "/api/v1/ws/leaderboard",
            "title": "The socket",
            "description": "One board, live. Text messages of at most 4 KiB from the client.",
            "servers": [{"$ref": "#/servers/sockets"}],
            "messages": _references([*CLIENT_MESSAGES, *SERVER_MESSAGES]),
            "bindings": {
                "ws": {
                    "method": "GET",
                    "query": {"type": "object", "properties": {"client": {"type": "string"}}},
                    "bindingVersion": "0.1.0",
                }
            },
            "x-close-codes": {str(code): words for code, words in CLOSE_CODES.items()},
        },
        _WEBHOOKS: {
            "address": None,
            "title": "Webhooks",
            "description": "A POST to the address of each subscription. Any 2xx within 10 s takes the event.",
            "servers": [{"$ref": "#/servers/receivers"}],
            "messages": _references(EVENT_DATA),
        },
        **{
            _broker_channel(key): {
                "address": key,
                "title": f"Events with the routing key `{key}`",
                "servers": [{"$ref": "#/servers/broker"}],
                "messages": _references([event.task for event in BROKER_EVENTS if event.routing_key == key]),
                "bindings": {
                    "amqp": {
                        "is": "routingKey",
                        "exchange": {"name": EXCHANGE, "type": "topic", "durable": True, "vhost": "/"},
                        "bindingVersion": "0.3.0",
                    }
                },
            }
            for key in _routing_keys()
        },
    }


def _operations() -> dict[str, object]:
    http = {"http": {"method": "POST", "bindingVersion": "0.3.0"}}
    return {
        "readSocket": _operation("receive", _SOCKET, "What a client sends", CLIENT_MESSAGES),
        "writeSocket": _operation("send", _SOCKET, "What the server sends", SERVER_MESSAGES),
        "sendWebhook": {**_operation("send", _WEBHOOKS, "What a receiver gets", EVENT_DATA), "bindings": http},
        **{
            f"publish{key.title().replace('.', '')}": _operation(
                "send",
                _broker_channel(key),
                "What the relay publishes, persistently and with confirms",
                [event.task for event in BROKER_EVENTS if event.routing_key == key],
            )
            for key in _routing_keys()
        },
    }


def _operation(action: str, channel: str, summary: str, names: Any) -> dict[str, object]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
    }


def _messages(by_name: dict[str, Schema], schemas: dict[str, Schema]) -> dict[str, object]:
    messages: dict[str, object] = {}
    for name in (*CLIENT_MESSAGES, *SERVER_MESSAGES):
        messages[name] = _message(name, by_name[name], schemas, _words(by_name[name], schemas))
    for name in EVENT_DATA:
        payload = _webhook_body(name, by_name[name])
        messages[name] = {**_message(name, payload, schemas, _words(by_name[name], schemas)), "headers": _SIGNATURE}
    for event in BROKER_EVENTS:
        message = _message(event.task, _task_body(by_name[event.task]), schemas, event.summary)
        messages[event.task] = {**message, "headers": _task_headers(event.task)}
    return messages


def _message(name: str, payload: Schema, schemas: dict[str, Schema], summary: str) -> dict[str, object]:
    example = sample(payload, schemas)
    return {
        "name": name,
        "summary": summary,
        "payload": payload,
        "examples": [{"name": "example", "payload": example}],
    }


def _words(schema: Schema, schemas: dict[str, Schema]) -> str:
    """Return the description of a model."""
    return str(schemas[schema["$ref"].rpartition("/")[2]]["description"])


def _webhook_body(kind: str, data: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {"type": {"const": kind}, "timestamp": {"type": "string", "format": "date-time"}, "data": data},
    }


def _task_body(arguments: Schema) -> Schema:
    """Return the body of a task in Celery's protocol 2: positional arguments, arguments by name, and its callbacks."""
    return {
        "type": "array",
        "items": [{"type": "array", "maxItems": 0}, arguments, {"type": "object"}],
        "minItems": 3,
        "maxItems": 3,
    }


def _task_headers(task: str) -> Schema:
    return {
        "type": "object",
        "required": ["task", "id"],
        "properties": {"task": {"const": task}, "id": {"type": "string", "format": "uuid"}},
    }


def _references(names: Any) -> dict[str, object]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _broker_channel(routing_key: str) -> str:
    return f"{_BROKER}.{routing_key}"


def _routing_keys() -> list[str]:
    return list(dict.fromkeys(event.routing_key for event in BROKER_EVENTS))
