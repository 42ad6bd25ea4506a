"""Examples, made from schemas: the value of a field is the sample of its name, or the simplest one of its type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

_UUID = "7f0c2f4e-3a55-4b7e-9d1c-5d8f6c2b1a90"
_SAMPLES: Mapping[str, object] = {
    "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3ZjBjIn0.c2lnbmF0dXJl",
    "act": "user.suspended",
    "action_type": "tap",
    "action_types": ["tap"],
    "actor": "flask:operator",
    "attributes": {"country": "JP"},
    "board": "main",
    "auth": "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3ZjBjIn0.c2lnbmF0dXJl",
    "boards": ["main"],
    "code": 409,
    "current": 120,
    "decided_by": "flask:operator",
    "details": {"reason": "Plays day and night."},
    "events": 3,
    "expected_score": 130,
    "expires_in": 900,
    "external_id": "4711",
    "hash": "9f2c4b6f0f6c1d8e6a0b7c5d3e1f2a4b9f2c4b6f0f6c1d8e6a0b7c5d3e1f2a4b",
    "key": "run-4711-1",
    "limit": 10,
    "made_by": "flask:operator",
    "metadata": {"level": 7},
    "message": "Some fields are not valid.",
    "name": "Tap",
    "new": "battery staple horse",
    "number": 3,
    "password": "correct horse battery",
    "percentile": 98.5,
    "per_minute": 6000,
    "place": 1,
    "player": _UUID,
    "players": 2,
    "points": 10,
    "prefix": "fbk_9aZ3kQ1bC7dE",
    "previous": 110,
    "rank": 4,
    "reason": "A person has looked at it.",
    "refresh_token": "eyJhbGciOiJIUzI1NiJ9.eyJ0eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJl",
    "request_id": "3b9e1d4c8f7a4e52b6c0d9a1e2f30415",
    "result": 10,
    "score": 120,
    "scopes": ["score"],
    "season": 3,
    "segment": "country:JP",
    "slug": "speedrun",
    "subject": f"player:{_UUID}",
    "text": "I play on a train that stops every two minutes.",
    "timezone": "UTC",
    "token": "k1.eyJhIjoiN2YwYyJ9.c2lnbmF0dXJl",
    "total": 250,
    "user_id": _UUID,
    "user_ids": [_UUID],
    "username": "anna",
}
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
_FORMATS = {"uuid": _UUID, "date-time": "2026-11-27T10:00:00Z"}


def sample(schema: Schema, schemas: Schema, name: str = "") -> object:
    """Return an example of a schema; `schemas` are the named ones, `name` is the field's."""
    if "$ref" in schema:
        return sample(schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return _first(schema[keyword], schemas, name)
    if "const" in schema:
        return schema["const"]
    for keyword in ("examples", "enum"):
        if keyword in schema:
            return schema[keyword][0]
    if name in _SAMPLES and _fits(_SAMPLES[name], schema):
        return _SAMPLES[name]
    return _simplest(schema, schemas, name)


def _first(choices: Sequence[Schema], schemas: Schema, name: str) -> object:
    """Return an example of the first choice that is not null."""
    return sample(next(choice for choice in choices if choice.get("type") != "null"), schemas, name)


def _fits(value: object, schema: Schema) -> bool:
    kind = schema.get("type")
    if schema.get("properties") or "format" in schema or not isinstance(kind, str):
        return False
    if isinstance(value, list) and schema.get("items", {}).get("type") != "string":
        return False
    return isinstance(value, _TYPES[kind]) and not (isinstance(value, bool) and kind != "boolean")


def _simplest(schema: Schema, schemas: Schema, name: str) -> object:
    kind = schema.get("type")
    if kind == "object":
        return {field: sample(part, schemas, field) for field, part in schema.get("properties", {}).items()}
    if isinstance(schema.get("items"), list):
        return [sample(part, schemas, name) for part in schema["items"]]
    if kind == "array":
        items = schema.get("items", {})
        if schema.get("maxItems") == 0:
            return []
        return [sample(items, schemas, name.removesuffix("s"))] if items.get("additionalProperties") is not True else []
    if kind == "string":
        return _FORMATS.get(schema.get("format", ""), name.replace("_", " ") or "text")
    if kind == "boolean":
        return False
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    return None
