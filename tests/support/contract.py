"""Holds answers against the API's own description: every one that a test sees, whatever the test is about.

The description lets answers grow (no `additionalProperties: false`); here they are closed again, so that a member that is
answered and not described fails a test.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator
from openapi_schema_validator import oas31_format_checker

Json = dict[str, Any]
Key = tuple[str, str, int]  # method, path and status
PROBLEM = "application/problem+json"
# Of a request that no operation is declared for: they come before any route is known.
UNROUTED = frozenset({"NotFound", "MethodNotAllowed", "UnsupportedApiVersion", "MalformedRequest"})
TOLD = ("etag", "location", "operation-location", "retry-after", "www-authenticate", "deprecation", "sunset", "link")
DESCRIBES_ITSELF = "/v1/runtime/openapi.json"  # what it answers is checked by a validator of OpenAPI


class Contract:
    def __init__(self, document: Json) -> None:
        self.document = document
        self.seen: set[Key] = set()  # what was answered
        self._validators: dict[Key, Draft202012Validator] = {}

    def check(self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Raises `AssertionError` for an answer that the description does not foresee. `path`: raw, without its query."""
        said = f"{method} {path}: {status} {body[:2000].decode(errors='replace')}"
        given = {name.lower(): value for name, value in headers.items()}
        assert given.get("cs-schema-version") == "1.0", said
        template = self._template("GET" if method == "HEAD" else method, path)
        if template is None:
            assert method == "HEAD" or json.loads(body)["code"] in UNROUTED, said
            return
        declared = "get" if method == "HEAD" else method.lower()
        answer = self._resolved(self.document["paths"][template][declared]["responses"].get(str(status)))
        assert answer is not None, f"not declared: {said}"
        self.seen.add((declared.upper(), template, status))
        self._check_headers(answer, given, said)
        if method != "HEAD" and template != DESCRIBES_ITSELF:
            self._check_body((declared, template, status), answer, given, body, said)

    def _check_headers(self, answer: Json, given: Mapping[str, str], said: str) -> None:
        declared = {name.lower(): self._resolved(header) for name, header in answer.get("headers", {}).items()}
        for name, header in declared.items():
            assert name in given or not header.get("required"), f"{name} is missing: {said}"
            if name in given:
                assert re.search(header["schema"].get("pattern", ""), given[name]), f"{name} {given[name]}: {said}"
        undeclared = [name for name in TOLD if name in given and name not in declared]
        assert not undeclared, f"{undeclared} not declared: {said}"

    def _check_body(
        self, key: tuple[str, str, int], answer: Json, given: Mapping[str, str], body: bytes, said: str
    ) -> None:
        if "content" not in answer:
            assert not body, said
            return
        kind = given["content-type"].partition(";")[0]
        assert kind in answer["content"], f"{kind}: {said}"
        faults = [
            f"{fault.json_path}: {fault.message}"
            for fault in self._validator(key, answer["content"][kind]["schema"]).iter_errors(json.loads(body))
        ]
        assert not faults, f"{faults} in {said}"

    def _validator(self, key: Key, schema: Json) -> Draft202012Validator:
        if key not in self._validators:
            whole = {**closed(copy.deepcopy(schema)), "components": {"schemas": self._closed}}
            self._validators[key] = Draft202012Validator(whole, format_checker=oas31_format_checker)
        return self._validators[key]

    @cached_property
    def _closed(self) -> Json:
        return dict(closed(copy.deepcopy(self.document["components"]["schemas"])))

    def _resolved(self, node: Any) -> Any:
        while node is not None and "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def _template(self, method: str, path: str) -> str | None:
        whole = f"/v1{path}" if path.startswith("/runtime/") else path
        given = whole.split("/")
        fitting = [template for template in self.document["paths"] if _fits(template.split("/"), given)]
        with_method = [one for one in fitting if method.lower() in self.document["paths"][one]]
        return min(with_method, key=lambda template: template.count("{"), default=None)


def _fits(template: list[str], given: list[str]) -> bool:
    return len(template) == len(given) and all(
        known == one or (known.startswith("{") and one != "") for known, one in zip(template, given, strict=True)
    )


def closed(node: Any) -> Any:
    """Every object with known members has no others; a part of an `allOf` speaks for no whole."""
    for schema in walk(node):
        if "properties" in schema and "type" in schema:
            schema.setdefault("additionalProperties", False)
    return node


def walk(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)
