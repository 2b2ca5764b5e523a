"""Models as JSON Schema, as they travel: requests as they are read, answers as `Record.document` writes them.

An answer never says null: what may be None is left out. It may grow (an optional field is no breaking change), so its
schemas are open; those of requests are closed, because an unknown field is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

Schema = dict[str, Any]
REF = "#/components/schemas/{model}"
_WRAPPERS = frozenset({"default", "function-after", "function-before", "function-wrap"})


class AsWritten(GenerateJsonSchema):
    """In mode "serialization": what `Record.document` writes, open to later members."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # a name in other letters says nothing

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"]) if self._is_answer else super().nullable_schema(schema)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if self._is_answer or schema.get("default") is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def field_is_required(self, field: Any, total: bool) -> bool:
        return not _may_be_none(field["schema"]) if self._is_answer else super().field_is_required(field, total)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        if self._is_answer:
            made.pop("additionalProperties", None)
        return made

    @property
    def _is_answer(self) -> bool:
        return self.mode == "serialization"


def _may_be_none(schema: Any) -> bool:
    while schema["type"] in _WRAPPERS:
        schema = schema["schema"]
    return schema["type"] in ("nullable", "any")


class Schemas:
    """Collects types, then has a schema for each; `components` are what those refer to."""

    def __init__(self, requests: Iterable[Any], answers: Iterable[Any]) -> None:
        wanted: dict[tuple[str, JsonSchemaMode], TypeAdapter[Any]] = {}
        modes: tuple[tuple[JsonSchemaMode, Iterable[Any]], ...] = (("validation", requests), ("serialization", answers))
        for mode, types in modes:
            wanted |= {(_key(one), mode): TypeAdapter(one) for one in types}
        inputs = [(key, mode, adapter) for (key, mode), adapter in wanted.items()]
        made, shared = TypeAdapter.json_schemas(inputs, ref_template=REF, schema_generator=AsWritten)
        self._made = {name: _plain(schema) for name, schema in made.items()}
        self.components: Schema = {_named(name): _plain(schema) for name, schema in sorted(shared["$defs"].items())}

    def of(self, kind: Any, mode: Literal["validation", "serialization"]) -> Schema:
        return self._made[_key(kind), mode]


def _key(kind: Any) -> str:
    return f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', kind)}"


def _named(component: str) -> str:
    """pydantic tells classes of one name apart by their whole module; the aggregate's folder is enough."""
    *modules, name = component.split("__")
    folders = [folder for folder in modules if folder not in ("shared", "runtime")]
    return folders[0].capitalize() + name if folders else name


def _plain(schema: Any) -> Schema:
    for one in _walk(schema):
        if isinstance(one.get("title"), str):
            del one["title"]
        if isinstance(one.get("$ref"), str):
            path, _, name = one["$ref"].rpartition("/")
            one["$ref"] = f"{path}/{_named(name)}"
    return dict(schema)


def _walk(schema: Any) -> Iterable[dict[str, Any]]:
    if isinstance(schema, Mapping):
        yield schema  # type: ignore[misc]  # made by json_schemas: dictionaries all the way down
        for value in list(schema.values()):
            yield from _walk(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _walk(value)
