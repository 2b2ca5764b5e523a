"""The typed client's documents: a TypedDict for every component of the API's own description (`make schemas`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import function_app
from shared.http.openapi.description import document

PATH = Path(__file__).resolve().parent.parent / "clients" / "runtime_client" / "generated" / "documents.py"
HEAD = '''"""What the API reads and answers, as types. Made by `make schemas` from its own description: do not edit."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict
'''
SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def rendered() -> str:
    components = document(function_app.endpoints.table, "https://issuer.example")["components"]["schemas"]
    words = {name: schema for name, schema in components.items() if "enum" in schema}
    records = {name: schema for name, schema in components.items() if name not in words}
    parts = [HEAD, "\n".join(f"{_name(name)} = {_type(schema)}" for name, schema in sorted(words.items()))]
    return "\n".join([*parts, *(_record(_name(name), schema) for name, schema in sorted(records.items()))]) + "\n"


def _name(component: str) -> str:
    """`Component-Input` is ComponentInput; what is answered has the plain name."""
    return component.removesuffix("-Output").replace("-", "")


def _record(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    members = {
        member: _type(inner) if member in required else f"NotRequired[{_type(inner)}]"
        for member, inner in schema["properties"].items()
    }
    if not all(member.isidentifier() and member != "from" for member in members):
        pairs = ", ".join(f'"{member}": {kind}' for member, kind in members.items())
        return f'\n\n{name} = TypedDict("{name}", {{{pairs}}})'
    body = "\n".join(f"    {member}: {kind}" for member, kind in members.items()) or "    pass"
    return f"\n\nclass {name}(TypedDict):\n{body}"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _name(schema["$ref"].rpartition("/")[2])
    if "enum" in schema or "const" in schema:
        return f"Literal[{', '.join(json.dumps(word) for word in schema.get('enum', [schema.get('const')]))}]"
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list[{_type(schema.get('items', {}))}]"
    if schema.get("type") == "object":
        return f"dict[str, {_type(next(_values(schema), {}))}]"
    return SIMPLE.get(str(schema.get("type")), "Any")


def _values(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the members of an object without names may be."""
    yield from schema.get("patternProperties", {}).values()
    if isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"]


def write() -> None:
    PATH.write_text(rendered(), encoding="utf-8")
