"""What the page's tests let the API say is what the API says of itself: they cannot drift apart."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from shared.http import headers, preconditions
from shared.http.openapi.description import document
from tests.architecture.indexed import ROUTES
from tests.support.contract import Contract
from tests.ui import documents
from tests.ui.stage import empty, full

PREFIX = "/v1/runtime"
CONTRACT = Contract(document(ROUTES, "https://issuer.example"))
SAID = {f"{world.__name__} {path}": (path, said) for world in (full, empty) for path, said in world().items()}


def held(path: str, status: int, said: Any, method: str = "GET") -> None:
    body = json.dumps(said).encode()
    fields = headers.resource(preconditions.etag_of(body)) | {headers.CONTENT_TYPE: headers.JSON}
    CONTRACT.check(method, PREFIX + path, status, fields, body)


@pytest.mark.parametrize("name", SAID)
def test_a_document_is_as_the_api_describes_it(name: str) -> None:
    path, said = SAID[name]
    for query in ({}, {"attention": "true"}):
        held(path, 200, said(SimpleNamespace(query_params=query)) if callable(said) else said)


@pytest.mark.parametrize("allowed", [True, False])
def test_a_rehearsal_is_as_the_api_describes_it(allowed: bool) -> None:
    body = json.dumps(documents.rehearsal(allowed=allowed)).encode()
    fields = headers.standard() | {headers.CONTENT_TYPE: headers.JSON}
    CONTRACT.check("POST", f"{PREFIX}/environments/{documents.BUSY}/release-hold", 200, fields, body)


def test_a_thousand_environments_are_as_the_api_describes_them() -> None:
    held("/environments", 200, {"environments": documents.many(200)})
