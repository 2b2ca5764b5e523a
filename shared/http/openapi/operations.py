"""A route as an OpenAPI operation: parameters, body, answers and problems."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from shared.http import headers
from shared.http.answers import DryRun, ProblemDocument
from shared.http.openapi.examples import EXAMPLES, REHEARSED
from shared.http.openapi.failures import failures
from shared.http.openapi.headers import answered, asked, revalidates
from shared.http.openapi.schemas import Schema, Schemas
from shared.http.pipeline import DRY_RUN
from shared.http.problem_table import Problem
from shared.http.query import flag
from shared.http.routes import ID, Page, Route

SCHEME = "oauth2"
BEGINS = 202  # something that is to be followed
_PARAMETER = re.compile(r"\{([a-zA-Z]+)\}")
_OWN_HEADERS = {
    401: (headers.WWW_AUTHENTICATE,),
    403: (headers.WWW_AUTHENTICATE,),
    429: (headers.RETRY_AFTER,),
    503: (headers.RETRY_AFTER,),
}


def requested(route: Route) -> Iterator[Any]:
    """Types of what it reads."""
    if route.body is not None:
        yield route.body


def told(route: Route) -> Iterator[Any]:
    """Types of what it answers."""
    if isinstance(route.answers, Page):
        yield route.answers.item
        if route.answers.beside is not None:
            yield route.answers.beside
    else:
        yield from (kind for kind in route.answers.values() if kind is not None)
    yield from (ProblemDocument, DryRun)


def operation(route: Route, schemas: Schemas, refusals: Schema) -> Schema:
    """`refusals` collects the answers that many routes refer to."""
    words = route.handler.__name__.split("_")
    described: Schema = {
        "operationId": words[0] + "".join(word.capitalize() for word in words[1:]),
        "summary": " ".join(words).capitalize(),
        "tags": [tag(route)],
        "parameters": [*_in_path(route), *_in_query(route), *asked(route)],
        "responses": {str(status): answer for status, answer in _responses(route, schemas, refusals)},
        "security": [{SCHEME: [scope]} for scope in route.scopes or ()],
    }
    if route.governed:
        described["description"] = "In an environment of stage prod this needs the policy point's permission."
    if route.deprecation is not None:
        described["deprecated"] = True
    if route.body is not None:
        content: Schema = {"schema": schemas.of(route.body, "validation")}
        if (example := EXAMPLES.get(route.action)) and example.request is not None:
            content["example"] = dict(example.request)
        described["requestBody"] = {"required": route.needs_body, "content": {headers.JSON: content}}
    return described


def tag(route: Route) -> str:
    return "platform" if route.absolute else route.path.split("/")[1].removesuffix(".json")


def _in_path(route: Route) -> list[Schema]:
    schema = {"type": "string", "pattern": f"^{ID.pattern}$"}
    return [
        {"name": name, "in": "path", "required": True, "schema": schema} for name in _PARAMETER.findall(route.full_path)
    ]


def _in_query(route: Route) -> list[Schema]:
    reads = route.query if route.method == "GET" or route.scopes is None else {**route.query, DRY_RUN: flag}
    return [
        {"name": name, "in": "query", "required": parameter.required, "schema": dict(parameter.schema)}
        for name, parameter in reads.items()
    ]


def _responses(route: Route, schemas: Schemas, refusals: Schema) -> Iterator[tuple[int, Schema]]:
    answers = dict(_answers(route, schemas))
    if revalidates(route):
        answers[304] = {
            "description": "The caller's copy is current.",
            "headers": answered(route, headers.ETAG),
        }
    for status, problems in failures(route).items():
        if status not in answers:
            name = "-".join([*(problem.code for problem in problems), *(["Deprecated"] if route.deprecation else [])])
            refusals[name] = _refusal(route, status, problems)
            answers[status] = {"$ref": f"#/components/responses/{name}"}
    yield from sorted(answers.items())


def _answers(route: Route, schemas: Schemas) -> Iterator[tuple[int, Schema]]:
    if isinstance(route.answers, Page):
        yield 200, _answer(route, 200, _paged(route.answers, schemas))
        return
    for status, kind in route.answers.items():
        if kind is None:
            yield status, {"description": HTTPStatus(status).phrase, "headers": answered(route)}
        else:
            yield status, _answer(route, status, schemas.of(kind, "serialization"))
    if route.method != "GET" and route.answers.get(200) is None:
        rehearsed = _answer(route, 200, schemas.of(DryRun, "serialization"))
        rehearsed["content"][headers.JSON]["example"] = dict(REHEARSED)
        yield 200, {**rehearsed, "description": f"What a run would do: with ?{DRY_RUN}=true."}


def _answer(route: Route, status: int, schema: Schema) -> Schema:
    if route.method != "GET" and status == 200 and not _is_dry_run(schema):
        schema = {"anyOf": [schema, {"$ref": f"#/components/schemas/{DryRun.__name__}"}]}
    content: Schema = {"schema": schema}
    if (example := EXAMPLES.get(route.action)) and status < HTTPStatus.BAD_REQUEST:
        content["example"] = dict(example.answer)
    return {
        "description": HTTPStatus(status).phrase,
        "headers": answered(route, *_own_headers(route, status)),
        "content": {headers.JSON: content},
    }


def _is_dry_run(schema: Schema) -> bool:
    return bool(str(schema.get("$ref", "")).endswith(f"/{DryRun.__name__}"))


def _own_headers(route: Route, status: int) -> Iterator[str]:
    if revalidates(route) or status == 201:
        yield headers.ETAG
    if route.method != "GET" and status in (200, 201, BEGINS):
        yield headers.LOCATION
    if status == BEGINS:
        yield headers.OPERATION_LOCATION
    if status == BEGINS or (route.method == "GET" and "{" in route.path):  # while it is still changing
        yield headers.RETRY_AFTER


def _paged(page: Page, schemas: Schemas) -> Schema:
    members: Schema = {
        page.plural: {"type": "array", "items": schemas.of(page.item, "serialization")},
        "nextLink": {"type": "string", "format": "uri", "description": "The next page; absent on the last."},
    }
    required = [page.plural]
    if page.beside is not None:
        beside = schemas.components[schemas.of(page.beside, "serialization")["$ref"].rpartition("/")[2]]
        members = {**beside["properties"], **members}
        required = [*beside["required"], *required]
    return {"type": "object", "properties": members, "required": required}


def _refusal(route: Route, status: int, problems: list[Problem]) -> Schema:
    codes = [problem.code for problem in problems]
    schema = {
        "allOf": [
            {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"},
            {"properties": {"code": {"enum": codes}, "status": {"const": status}}},
        ]
    }
    titles: Mapping[str, str] = {problem.code: problem.title for problem in problems}
    return {
        "description": "; ".join(f"`{code}`: {title}" for code, title in titles.items()),
        "headers": answered(route, *_OWN_HEADERS.get(status, ())),
        "content": {headers.PROBLEM_JSON: {"schema": schema}},
    }
