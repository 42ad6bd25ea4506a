"""/openapi.json: valid, whole, and with examples that are what they show."""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import errors
from app.factory import create_app
from app.http.reference.call import Call, Security, failure_of
from app.http.reference.calls import CALLS
from app.http.reference.openapi import openapi, path_of
from app.http.reference.refusals import ANY_REQUEST, examples, failures_of
from app.settings import Settings
from tests.e2e.test_routes import ADMIN, ANYONE, BY_MESSAGE, KEY, PLAYER, REFRESH, RULES, SUSPENDED_TOO
from tests.unit.test_api_page import PAGE, ROOT

_SECURITY: dict[str, tuple[Security, ...]] = {
    ANYONE: ([{}], [{}, {"player": []}, {"key": ["read"]}]),
    BY_MESSAGE: ([{}],),
    PLAYER: ([{"player": []}],),
    SUSPENDED_TOO: ([{"player": []}],),
    REFRESH: ([{"refresh": []}],),
    ADMIN: ([{"player": []}, {"key": ["admin"]}], [{"player": []}, {"key": ["moderate"]}]),
    KEY: ([{"key": ["players"]}], [{"key": ["score"]}]),
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi()


@pytest.fixture(scope="module")
def app() -> Iterator[Flask]:
    app = create_app(Settings(app_env="development"))
    yield app
    app.extensions["fairboard"].close()


def _named(call: Call) -> str:
    return f"{call.method} {call.rule}"


def test_it_is_valid(document: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_it_has_the_version_of_the_product(document: dict[str, Any]) -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert document["info"]["version"] == setup["metadata"]["version"]


def test_it_has_every_route_and_no_other(app: Flask) -> None:
    routes = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    calls = [_named(call) for call in CALLS]
    assert sorted(calls) == sorted(routes)


def test_it_says_who_may_call_as_the_rules_do() -> None:
    for call in CALLS:
        assert call.audience.security in _SECURITY[RULES[call.method, call.rule]], _named(call)


def test_it_has_every_code_of_the_page(document: dict[str, Any]) -> None:
    table = PAGE.partition("### Error codes")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+)`", table)) - {"http_error"}
    failures = {failure for call in CALLS for failure in failures_of(call)} | set(ANY_REQUEST)
    assert {failure.code for failure in failures} == named
    assert set(examples()) >= failures
    assert failures >= {failure_of(kind) for kind in _concrete(errors.Refusal)}


def _concrete(parent: type[errors.Refusal]) -> Iterator[type[errors.Refusal]]:
    for kind in parent.__subclasses__():
        if kind is not errors.TooManyMessages:  # of a socket
            yield kind
            yield from _concrete(kind)


def test_every_example_is_what_its_schema_says(document: dict[str, Any]) -> None:
    components = document["components"]
    count = 0
    for path, item in document["paths"].items():
        for method, operation in item.items():
            parts = [_resolved(document, part) for part in operation["responses"].values()]
            for part in [operation.get("requestBody", {}), *parts]:
                for media in part.get("content", {}).values():
                    validator = jsonschema_rs.validator_for(
                        {**media["schema"], "components": {"schemas": components["schemas"]}}, validate_formats=True
                    )
                    shown = [_resolved(document, example)["value"] for example in media.get("examples", {}).values()]
                    shown += [media["example"]] if "example" in media else []
                    for example in shown:
                        count += 1
                        errors_found = [str(error) for error in validator.iter_errors(example)]
                        assert errors_found == [], f"{method} {path}: {example}"
    assert count > len(CALLS)


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    _, _, kind, name = part["$ref"].split("/")
    resolved: dict[str, Any] = document["components"][kind][name]
    return resolved


@pytest.mark.parametrize("call", [call for call in CALLS if call.body], ids=_named)
def test_the_example_of_a_body_is_one_that_the_call_takes(document: dict[str, Any], call: Call) -> None:
    body = document["paths"][path_of(call)][call.method.lower()]["requestBody"]
    assert call.body is not None
    call.body.model_validate_json(json.dumps(body["content"]["application/json"]["example"]), strict=True)


def test_each_schema_has_a_short_name_and_says_what_it_is(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert re.fullmatch(r"[A-Z][A-Za-z]+", name), name
        assert schema.get("description") or name == "Error", name


def test_a_browser_asks_again_and_pages_of_every_origin_may_read(app: Flask) -> None:
    client = app.test_client()
    for path in ("/openapi.json", "/asyncapi.json"):
        first = client.get(path)
        assert first.status_code == 200
        assert first.headers["Access-Control-Allow-Origin"] == "*"
        assert first.headers["Cache-Control"] == "no-cache"
        again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
