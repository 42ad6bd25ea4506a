"""The reference documents as a judge: every answer and every message that a test observes must be described."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import jsonschema_rs
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.http.reference.asyncapi import asyncapi
from app.http.reference.openapi import openapi

Schema = dict[str, Any]

# Of the transport, not of a call.
_TRANSPORT = {
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "server",
    "strict-transport-security",
    "transfer-encoding",
    "x-accel-expires",  # for nginx, which drops it
}
_DIALECTS = {
    "openapi": "https://json-schema.org/draft/2020-12/schema",
    "asyncapi": "http://json-schema.org/draft-07/schema#",
}
_BEFORE_ANY_CALL = {411, 412, 414, 417, 421, 431, 501, 505}


def check_answer(method: str, path: str, status: int, headers: Iterable[str], body: object) -> None:
    """Check an answer: its status, headers and body are those that the document has for the call."""
    operation_match = _find(method, path)
    if operation_match is None or status in _BEFORE_ANY_CALL:
        return
    template, operation = operation_match
    response = operation["responses"].get(str(status))
    assert response, f"{method} {template} has answered {status}, which the document has not: {body}"
    response = _resolved(response)
    described = {name.lower() for name in response["headers"]} | _TRANSPORT
    unknown = {name.lower() for name in headers} - described
    assert not unknown, f"{method} {template} has answered {status} with {unknown}"
    if "application/json" in response.get("content", {}) and body is not None:
        validator = _validator_of(template, method.lower(), str(status))
        error = next(validator.iter_errors(body), None)
        assert error is None, f"{method} {template}, {status}: {error}\n{body}"


def check_message(message: Mapping[str, object]) -> None:
    """Check a message of the server on a socket."""
    validator = _message_validator(str(message["type"]))
    error = next(validator.iter_errors(message), None)
    assert error is None, f"{error}\n{message}"


class DescribedClient(FlaskClient):
    """Flask's client of an app in the test's own process, which checks every answer of ours."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request."""
        response = super().open(*args, **kwargs)
        request = response.request
        if self.application.name == "fairboard" and request.method != "HEAD":
            names = response.headers.keys()
            check_answer(request.method, request.path, response.status_code, names, response.get_json(silent=True))
        return response


@cache
def strict(kind: str) -> Schema:
    """Return the document `openapi` or `asyncapi`, in which no object has fields beside those that are described."""
    return _closed({"openapi": openapi, "asyncapi": asyncapi}[kind]())  # type: ignore[no-any-return]


def _closed(value: Any) -> Any:
    if isinstance(value, list):
        return [_closed(part) for part in value]
    if not isinstance(value, dict):
        return value
    closed = {key: _closed(part) for key, part in value.items() if key not in ("example", "examples")}
    is_object = value.get("type") == "object" and isinstance(value.get("properties"), dict)
    return {"additionalProperties": False, **closed} if is_object else closed


def _resolved(part: Schema) -> Schema:
    """Return the part that a reference to a component leads to."""
    if "$ref" not in part:
        return part
    _, _, kind, name = part["$ref"].split("/")
    resolved: Schema = strict("openapi")["components"][kind][name]
    return resolved


@cache
def _routes() -> list[tuple[str, re.Pattern[str], Schema]]:
    """Return each path of the document with its pattern, those without parameters first."""
    routes = []
    for template, item in strict("openapi")["paths"].items():
        pattern = re.sub(r"\\\{(player|filename)\\\}", "(?:[^/]|%2F)+", re.escape(template))
        routes.append((template, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", pattern)), item))
    return sorted(routes, key=lambda route: route[0].count("{"))


@cache
def _template_of(path: str) -> tuple[str, Schema] | None:
    return next(((template, item) for template, pattern, item in _routes() if pattern.fullmatch(path)), None)


def _find(method: str, path: str) -> tuple[str, Schema] | None:
    match = _template_of(path.partition("?")[0])
    if match is None or method.lower() not in match[1]:
        return None
    return match[0], match[1][method.lower()]


@cache
def _validator_of(template: str, method: str, status: str) -> Any:
    response = _resolved(strict("openapi")["paths"][template][method]["responses"][status])
    return _validator(response["content"]["application/json"]["schema"], "openapi")


@cache
def _message_validator(kind: str) -> Any:
    return _validator(strict("asyncapi")["components"]["messages"][kind]["payload"], "asyncapi")


def _validator(schema: Schema, kind: str) -> Any:
    components = {"schemas": strict(kind)["components"]["schemas"]}
    whole = {"$schema": _DIALECTS[kind], **schema, "components": components}
    return jsonschema_rs.validator_for(whole, validate_formats=True)
