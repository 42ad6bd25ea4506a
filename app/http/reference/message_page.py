"""The AsyncAPI document as a template shows it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from app.http.reference.documents import document

_SENDERS = {"send": "Fairboard sends", "receive": "Fairboard reads"}


@cache
def messages_page() -> dict[str, Any]:
    """Return the values of the template: the channels with their messages, each with its schema and an example."""
    content = json.loads(document("asyncapi").text)
    channels = [_channel(content, name) for name in content["channels"]]
    return {"title": content["info"]["title"], "words": content["info"]["description"], "channels": channels}


def _channel(content: dict[str, Any], name: str) -> dict[str, object]:
    channel = content["channels"][name]
    reference = {"$ref": f"#/channels/{name}"}
    groups = [
        {
            "title": f"{_SENDERS[operation['action']]}",
            "messages": [_message(content, part["$ref"].rpartition("/")[2]) for part in operation["messages"]],
        }
        for operation in content["operations"].values()
        if operation["channel"] == reference
    ]
    return {
        "name": name,
        "title": channel["title"],
        "address": channel["address"],
        "words": channel.get("description", ""),
        "close_codes": channel.get("x-close-codes", {}),
        "groups": groups,
    }


def _message(content: dict[str, Any], name: str) -> dict[str, object]:
    message = content["components"]["messages"][name]
    return {
        "name": name,
        "summary": message["summary"],
        "example": json.dumps(message["examples"][0]["payload"], indent=2, ensure_ascii=False),
        "schema": json.dumps(_resolved(message["payload"], content["components"]["schemas"]), indent=2),
    }


def _resolved(schema: Any, schemas: dict[str, Any]) -> Any:
    """Return the schema with the named ones in their places. None of ours contains itself."""
    if isinstance(schema, list):
        return [_resolved(part, schemas) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _resolved(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    return {key: _resolved(value, schemas) for key, value in schema.items()}
