"""JSON schemas from pydantic's models: those of bodies and queries, which validate, and those of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

Schema = dict[str, Any]
REFERENCE = "#/components/schemas/{model}"


class _Plain(GenerateJsonSchema):
    """The schemas without titles, which would repeat the names of fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return False: no field has one."""
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        """Return the schema of a model without its title."""
        json_schema = super().model_schema(schema)
        json_schema.pop("title", None)
        return json_schema


def schemas_of(types: Mapping[str, Any]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the schema of each type by its key, and the schemas of the models that these refer to, by name."""
    adapters: list[tuple[str, Any, TypeAdapter[Any]]] = [
        (key, "validation", TypeAdapter(kind)) for key, kind in types.items()
    ]
    by_key, rest = TypeAdapter.json_schemas(adapters, ref_template=REFERENCE, schema_generator=_Plain)
    definitions = {name: without_defaults_of_null(schema) for name, schema in rest.get("$defs", {}).items()}
    return {key: schema for (key, _), schema in by_key.items()}, definitions


def query_parameters(model: type[BaseModel]) -> Sequence[Schema]:
    """Return the parameters that a model reads from the query of a request."""
    schema = model.model_json_schema(ref_template=REFERENCE, schema_generator=_Plain)
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null(part)}
        for name, part in schema.get("properties", {}).items()
    ]


def without_defaults_of_null(schema: Schema) -> Schema:
    """Return the schema of an object without defaults that say no more than that a field may be left out."""
    properties = {
        name: {key: value for key, value in part.items() if key != "default" or value is not None}
        for name, part in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties} if properties else schema


def _without_null(schema: Schema) -> Schema:
    """Return the schema of a parameter: a query has no null, and a parameter without a value is left out."""
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and (key != "default" or value is not None)}
    if len(choices) == 1:
        return {**choices[0], **rest}
    return {"anyOf": choices, **rest} if choices else rest
