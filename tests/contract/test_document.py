"""The description itself: it is OpenAPI, whole, the same every time, and says nothing that it does not hold to."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

import function_app
from shared.http.openapi.description import document, kept
from shared.http.openapi.examples import EXAMPLES
from shared.http.problem_table import APPROVAL_REQUIRED, TABLE
from tests.contract.app import App
from tests.support.contract import walk

ROOT = Path(__file__).resolve().parents[2]
ISSUER = "https://issuer.example/"
SEED_ROUTES = {
    ("post", "/v1/runtime/environments", "runtime.environments.write"),
    ("get", "/v1/runtime/environments/{environmentId}", "runtime.environments.read"),
    ("post", "/v1/runtime/deployments", "runtime.deployments.write"),
    ("get", "/v1/runtime/deployments/{deploymentId}", "runtime.deployments.read"),
    ("post", "/v1/runtime/configurations", "runtime.configurations.write"),
    ("post", "/v1/runtime/secret-bindings", "runtime.secrets.write"),
    ("get", "/v1/runtime/services/{serviceId}/health", "runtime.health.read"),
    ("post", "/v1/runtime/scaling-policies", "runtime.scaling.write"),
    ("get", "/v1/runtime/drift/{environmentId}", "runtime.drift.read"),
}
MAKE = """
import function_app
from shared.http.openapi.description import kept
print(kept(function_app.endpoints.table, "https://issuer.example/").etag)
"""


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return json.loads(json.dumps(document(function_app.endpoints.table, ISSUER)))


def operations(described: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, one) for path, item in described["paths"].items() for method, one in item.items()]


def test_a_published_validator_finds_it_to_be_openapi(described: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(described).iter_errors()] == []


def test_every_route_is_in_it_and_no_other(described: dict[str, Any]) -> None:
    declared = {(route.method.lower(), route.full_path) for route in function_app.endpoints.table}
    assert {(method, path) for method, path, _ in operations(described)} == declared


def test_the_seeds_routes_have_the_seeds_scopes(described: dict[str, Any]) -> None:
    scopes = {
        (method, path, scope)
        for method, path, one in operations(described)
        for requirement in one["security"]
        for scope in requirement["oauth2"]
    }
    assert scopes >= SEED_ROUTES
    named = described["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"]
    assert {scope for _, _, scope in scopes} == set(named)


def test_operations_have_names_of_their_own_and_words(described: dict[str, Any]) -> None:
    found = operations(described)
    idents = [one["operationId"] for _, _, one in found]
    assert len(set(idents)) == len(idents)
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", ident) for ident in idents)
    assert all(one["summary"] and one["tags"] for _, _, one in found)


def test_path_parameters_are_those_of_the_path(described: dict[str, Any]) -> None:
    for _, path, one in operations(described):
        named = [parameter["name"] for parameter in one["parameters"] if parameter.get("in") == "path"]
        assert named == re.findall(r"\{(\w+)\}", path), path


def test_every_answer_is_described_with_its_schema_version(described: dict[str, Any]) -> None:
    for _, path, one in operations(described):
        for status, answer in one["responses"].items():
            whole = answer
            if "$ref" in answer:
                whole = described["components"]["responses"][answer["$ref"].rpartition("/")[2]]
            assert whole["description"], (path, status)
            assert "cs-schema-version" in whole["headers"], (path, status)
            kinds = list(whole.get("content", {}))
            expected = ["application/problem+json"] if "$ref" in answer else ["application/json"]
            assert kinds == expected or status in ("204", "304"), (path, status)


def test_whoever_needs_a_token_can_be_refused_for_it(described: dict[str, Any]) -> None:
    for method, path, one in operations(described):
        assert {"401", "403", "429", "503"} <= one["responses"].keys() or not one["security"], path
        assert {"400", "500"} <= one["responses"].keys(), path
        assert {"409", "412", "413", "415", "422"} <= one["responses"].keys() or method == "get", path


def test_every_code_that_the_platform_has_is_somewhere(described: dict[str, Any]) -> None:
    told = {code for one in walk(described["components"]["responses"]) for code in one.get("code", {}).get("enum", ())}
    known = {problem.code for problem in TABLE.values()} | {APPROVAL_REQUIRED.code}
    unrouted = {"MethodNotAllowed", "UnsupportedApiVersion"}  # of paths that no route has
    assert known - told <= unrouted | {"OnHold", "TransitionRefused"}
    assert told <= known


def test_every_component_is_used_and_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    used = {one["$ref"] for one in walk(described) if isinstance(one.get("$ref"), str)}
    kept_ = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses", "headers", "parameters")
        for name in described["components"][kind]
    }
    beside = {f"#/components/schemas/{name}" for name in ("FindingsOf",)}  # its members stand in a page
    assert used <= kept_
    deprecated = {f"#/components/headers/{name}" for name in ("Deprecation", "Sunset", "Link")}
    assert kept_ - used <= beside | deprecated


def bodies(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is sent and what is answered when it works: where, and the media type's object."""
    for method, path, one in operations(described):
        parts = {"request": one.get("requestBody", {}), **{name: one["responses"][name] for name in one["responses"]}}
        for name, part in parts.items():
            if name == "request" or name.startswith("2"):
                yield from ((f"{method} {path} {name}", media) for media in part.get("content", {}).values())


def test_every_body_has_an_example_that_holds_to_its_schema(described: dict[str, Any]) -> None:
    found = dict(bodies(described))
    assert [where for where, media in found.items() if "example" not in media] == []
    for where, media in found.items():
        schema = {**media["schema"], "components": described["components"]}
        wrong = Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(media["example"])
        assert [error.message for error in wrong] == [], where


def test_every_request_that_is_shown_is_read() -> None:
    for route in function_app.endpoints.table:
        if route.body is not None:
            request = EXAMPLES[route.action].request
            assert request is not None, route.path
            route.body.model_validate(dict(request))
    routed = {route.action for route in function_app.endpoints.table if route.method != "DELETE"}
    assert EXAMPLES.keys() == routed, "and none is of no route"


def test_every_error_that_is_described_has_its_code_and_every_route_its_scopes(described: dict[str, Any]) -> None:
    open_to_all = {"/v1/runtime/openapi.json", "/alive", "/health"}
    assert {path for _, path, one in operations(described) if not one["security"]} == open_to_all
    for name, refusal in described["components"]["responses"].items():
        (media,) = refusal["content"].values()
        codes = media["schema"]["allOf"][1]["properties"]["code"]["enum"]
        assert name.removesuffix("-Deprecated") == "-".join(codes)
        assert all(f"`{code}`" in refusal["description"] for code in codes)


def test_requests_are_closed_and_answers_are_open(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    assert schemas["ProvisionRequest"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["EnvironmentState"]
    assert "placed" not in schemas["InventoryRow"]["properties"]


def test_what_may_be_absent_is_not_required_and_never_null(described: dict[str, Any]) -> None:
    state = described["components"]["schemas"]["DeploymentState"]
    assert "endedAt" not in state["required"]
    assert {"status", "phase", "rolloutHistory"} <= set(state["required"])
    assert state["properties"]["endedAt"] == {"type": "string", "format": "date-time"}


def test_another_process_makes_the_same_bytes() -> None:
    here = kept(function_app.endpoints.table, ISSUER).etag
    command = [sys.executable, "-c", MAKE]
    there = subprocess.run(command, cwd=ROOT, env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here


async def test_it_is_served_to_everybody_and_revalidated(app: App) -> None:
    answer, served = await app.ask("GET", "/openapi.json", token="nobody")
    assert answer.status == 200
    assert served == json.loads(json.dumps(app.contract.document))
    again, _ = await app.ask("GET", "/openapi.json", if_none_match=answer.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    alias, _ = await app.ask("GET", "//runtime/openapi.json")
    assert alias.body == answer.body
