"""The OpenAPI document: every call with its inputs, answers, refusals and headers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from itertools import groupby
from typing import Any

from app.domain.action_types import SLUG
from app.http.reference.call import Call, Failure
from app.http.reference.calls import CALLS
from app.http.reference.headers import header_components, headers_of, parameter_components, parameters_of
from app.http.reference.refusals import ANY_REQUEST, examples, failures_of
from app.http.reference.samples import sample
from app.http.reference.schemas import Schema, query_parameters, schemas_of

VERSION = "0.2.0.dev0"

_PART = re.compile(r"<(?:(uuid|player|path):)?([a-z_]+)>")
_UUID = {"type": "string", "format": "uuid"}
_PATHS: dict[str, tuple[str, Schema]] = {
    "uuid": ("An id.", _UUID),
    "player": (
        "A player's id; for keys also `ext:` and the game's own id, percent-encoded.",
        {"type": "string", "anyOf": [_UUID, {"pattern": "^ext:.+"}]},
    ),
    "path": ("The path of the file.", {"type": "string"}),
    "": ("A short name.", {"type": "string", "pattern": f"^{SLUG.pattern}$", "maxLength": 64}),
}
_META = {
    "type": "object",
    "description": "The status once more, and the request's id.",
    "required": ["code", "request_id"],
    "properties": {"code": {"type": "integer"}, "request_id": {"type": "string", "maxLength": 64}},
}
_TOTAL = {"total": {"type": "integer", "description": "How many rows there are, of which `data` has some."}}
_ERROR = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string", "description": "Words for a person. They may change."},
        "details": {
            "description": "For `invalid_request` a list that names each field, else facts.",
            "anyOf": [
                {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}},
                {"type": "object"},
            ],
        },
    },
}
_INFO = """\
Everything is JSON in an envelope: `{"meta", "data", "links"}`, or `{"meta", "error"}` for a refusal. Times are RFC 3339
in UTC, ids are UUIDs. Read `error.code`, which is stable; `message` is for people.

Every path answers `OPTIONS` with 204 and `Allow`, and every `GET` answers `HEAD` too. A request that the servers can't
read gets 414 `uri_too_long`, 417 `expectation_failed`, 431 `headers_too_large`, 501 `not_implemented` or 505
`http_version_not_supported` before it reaches a call. Preflights of pages of other origins get 204.

[The messages](/asyncapi.json) of sockets, webhooks and RabbitMQ have a document of their own.
"""
_SECURITY = {
    "player": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A player's access token. For operators' calls that of an admin.",
    },
    "refresh": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A refresh token.",
    },
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "fbk_…",
        "description": "An API key with the scope that the call names.",
    },
}


def openapi() -> dict[str, Any]:
    """Return the document, as JSON is parsed."""
    return _Builder().document()


class _Builder:
    def __init__(self) -> None:
        types: dict[str, Any] = {f"{_id(call)} body": call.body for call in CALLS if call.body}
        for call in CALLS:
            types |= {f"{_id(call)} {status}": kind for status, kind in call.answers.items() if kind is not None}
        self._types, self._schemas = schemas_of(types)
        self._examples = examples()
        self._responses: dict[str, object] = {}

    def document(self) -> dict[str, Any]:
        paths: dict[str, dict[str, object]] = {}
        for call in CALLS:
            paths.setdefault(path_of(call), {})[call.method.lower()] = self._operation(call)
        for failure in ANY_REQUEST:
            self._refusal(CALLS[0], [failure])
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "Fairboard",
                "version": VERSION,
                "description": _INFO,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "tags": [{"name": tag} for tag in dict.fromkeys(call.tag for call in CALLS)],
            "paths": paths,
            "components": {
                "schemas": {**dict(sorted(self._schemas.items())), "Meta": _META, "Error": _ERROR},
                "responses": dict(sorted(self._responses.items())),
                "headers": header_components(),
                "parameters": parameter_components(),
                "examples": {_name(failure): {"value": value} for failure, value in self._examples.items()},
                "securitySchemes": _SECURITY,
            },
        }

    def _operation(self, call: Call) -> dict[str, object]:
        description = "\n\n".join(filter(None, (call.description, f"For: {call.audience.words}")))
        operation: dict[str, object] = {
            "operationId": _id(call),
            "summary": call.summary,
            "description": description,
            "tags": [call.tag],
            "security": call.audience.security,
            "parameters": [*_path_parameters(call), *self._query(call), *parameters_of(call)],
            "responses": self._answers(call),
        }
        if call.body:
            operation["requestBody"] = self._body(call)
        return operation

    def _query(self, call: Call) -> list[dict[str, object]]:
        return [dict(parameter) for parameter in query_parameters(call.query)] if call.query else []

    def _body(self, call: Call) -> dict[str, object]:
        schema = self._types[f"{_id(call)} body"]
        example = dict(call.example) or required_sample(schema, self._schemas)
        content = {"application/json": {"schema": schema, "example": example}}
        return {"required": not call.may_omit_body, "content": content}

    def _answers(self, call: Call) -> dict[str, object]:
        answers: dict[str, object] = {}
        for status in call.answers:
            answers[str(status)] = self._success(call, status)
        for status, failures in groupby(failures_of(call), key=lambda failure: failure.status):
            answers[str(status)] = self._refusal(call, list(failures))
        return dict(sorted(answers.items()))

    def _success(self, call: Call, status: int) -> dict[str, object]:
        answer: dict[str, object] = {
            "description": HTTPStatus(status).phrase,
            "headers": headers_of(call, status),
        }
        if call.answers[status] is None:
            return answer
        schema = self._types[f"{_id(call)} {status}"]
        if call.media_type != "application/json":
            answer["content"] = {call.media_type: {"schema": {"type": "string"}}}
        elif call.is_bare:
            answer["content"] = {"application/json": {"schema": {"type": "object"}}}
        else:
            answer["content"] = {"application/json": self._envelope(call, status, schema)}
        return answer

    def _envelope(self, call: Call, status: int, schema: Schema) -> dict[str, object]:
        meta: Schema = {"$ref": "#/components/schemas/Meta"}
        if call.has_total:
            meta = {**_META, "properties": {**_META["properties"], **_TOTAL}}  # type: ignore[dict-item]
        properties: dict[str, object] = {"meta": meta, "data": schema}
        if call.links:
            links = {name: {"type": "string", "format": "uri-reference"} for name in call.links}
            properties["links"] = {"type": "object", "properties": links}
        data = sample(schema, self._schemas)
        envelope = {"type": "object", "required": ["meta", "data"], "properties": properties}
        example_meta = {"code": status, "request_id": "3b9e1d4c8f7a4e52b6c0d9a1e2f30415"}
        return {"schema": envelope, "example": {"meta": example_meta, "data": data}}

    def _refusal(self, call: Call, failures: list[Failure]) -> dict[str, str]:
        """Return a reference to the response with these refusals, which calls with the same ones share."""
        status = failures[0].status
        codes = [failure.code for failure in failures]
        error = {
            "allOf": [{"$ref": "#/components/schemas/Error"}],
            "properties": {"code": {"enum": codes}},
        }
        response = {
            "description": f"{HTTPStatus(status).phrase}: " + ", ".join(f"`{code}`" for code in codes),
            "headers": headers_of(call, status, failures),
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["meta", "error"],
                        "properties": {"meta": {"$ref": "#/components/schemas/Meta"}, "error": error},
                    },
                    "examples": {
                        failure.code: {"$ref": f"#/components/examples/{_name(failure)}"} for failure in failures
                    },
                }
            },
        }
        return {"$ref": f"#/components/responses/{self._shared(f'{status}.' + '.'.join(codes), response)}"}

    def _shared(self, name: str, response: object) -> str:
        """Return the name of the same response: `name`, with a number where others of this name have other headers."""
        text = json.dumps(response, sort_keys=True)
        for number in range(1, len(CALLS)):
            numbered = name if number == 1 else f"{name}.{number}"
            known = self._responses.setdefault(numbered, response)
            if json.dumps(known, sort_keys=True) == text:
                return numbered
        raise AssertionError(name)


def path_of(call: Call) -> str:
    """Return the path of a call as OpenAPI writes it."""
    return _PART.sub(lambda part: f"{{{_parameter(part)}}}", call.rule)


def required_sample(schema: Schema, schemas: Mapping[str, Schema]) -> dict[str, object]:
    """Return an example of a body that has the fields which are required."""
    model = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    properties = model.get("properties", {})
    return {name: sample(properties[name], schemas, name) for name in model.get("required", [])}


def _path_parameters(call: Call) -> list[dict[str, object]]:
    parameters: list[dict[str, object]] = []
    for part in _PART.finditer(call.rule):
        words, schema = _PATHS[part[1] or ""]
        parameters.append(
            {"name": _parameter(part), "in": "path", "required": True, "description": words, "schema": schema}
        )
    return parameters


def _parameter(part: re.Match[str]) -> str:
    return "player" if part[1] == "player" else str(part[2])


def _id(call: Call) -> str:
    words: list[str] = re.findall(r"[A-Za-z]+", call.summary)
    return words[0].lower() + "".join(word.title() for word in words[1:])


def _name(failure: Failure) -> str:
    return f"{failure.status}.{failure.code}"
