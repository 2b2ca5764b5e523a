"""A route on its way out: its answers say so, and so does the description. None of the platform's own is one today."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import azure.durable_functions as df
import pytest
from openapi_spec_validator import validate

import function_app
from blueprints.endpoint import Endpoints
from shared.http.call import Found, Reading
from shared.http.headers import Deprecation
from shared.http.openapi.description import document
from shared.kernel.errors import NotFound
from shared.kernel.record import Record
from tests.contract.app import App
from tests.support.contract import Contract

SINCE, SUNSET = datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 5, 1, tzinfo=UTC)
GOES = Deprecation(SINCE, SUNSET, "https://docs.connectsoft.ai/deprecations/thing")


class Thing(Record):
    name: str


@pytest.fixture
def old(app: App) -> App:
    """The app with two routes, one of them deprecated."""
    endpoints = Endpoints(df.Blueprint(), cast(Any, None))

    @endpoints.endpoint(
        "GET",
        "/things/{thingId}",
        scope="runtime.environments.read",
        action="things.get",
        answers={200: Thing},
        deprecation=GOES,
    )
    async def get_thing(call: Reading) -> Found:
        if call.params["thingId"] == "absent":
            raise NotFound("thing", "absent")
        return Found(Thing(name="one").document())

    @endpoints.endpoint("GET", "/others", scope="runtime.environments.read", action="others.get", answers={200: Thing})
    async def get_other(call: Reading) -> Found:
        return Found(Thing(name="other").document())

    app.table = endpoints.table
    app.pipeline = app.container.pipeline(endpoints.table)
    app.contract = Contract(document(endpoints.table, "https://issuer.example"))
    return app


async def test_every_answer_of_a_deprecated_route_says_so(old: App) -> None:
    answered, _ = await old.ask("GET", "/things/one")
    refused, _ = await old.ask("GET", "/things/absent")
    unchanged, _ = await old.ask("GET", "/things/one", if_none_match=answered.headers["ETag"])
    assert [one.status for one in (answered, refused, unchanged)] == [200, 404, 304]
    for one in (answered, refused, unchanged):
        assert one.headers["Deprecation"] == f"@{int(SINCE.timestamp())}"
        assert one.headers["Sunset"] == "Sat, 01 May 2027 00:00:00 GMT"
        assert one.headers["Link"].startswith(f'<{GOES.link}>; rel="deprecation"')


async def test_no_other_route_does(old: App) -> None:
    answered, _ = await old.ask("GET", "/others")
    assert not {"Deprecation", "Sunset", "Link"} & answered.headers.keys()
    assert all(route.deprecation is None for route in function_app.endpoints.table)


async def test_the_description_marks_it_and_its_headers(old: App) -> None:
    described = old.contract.document
    validate(described)
    operation = described["paths"]["/v1/runtime/things/{thingId}"]["get"]
    assert operation["deprecated"] is True
    assert {"Deprecation", "Sunset", "Link"} <= operation["responses"]["200"]["headers"].keys()
    other = described["paths"]["/v1/runtime/others"]["get"]
    assert "deprecated" not in other
    for one in other["responses"].values():
        name = one.get("$ref", "").rpartition("/")[2]
        headers = described["components"]["responses"][name]["headers"] if name else one["headers"]
        assert "Sunset" not in headers


async def test_it_is_refused_where_it_would_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="Sunset"):
        Deprecation(SUNSET, SINCE, GOES.link)


async def test_what_is_answered_and_not_described_is_seen(old: App) -> None:
    """The test of the tests: an undeclared member, status or header fails."""
    route = next(iter(old.table))

    async def more(call: Reading) -> Found:
        return Found({"name": "one", "secret": "x"})

    object.__setattr__(route, "handler", more)
    with pytest.raises(AssertionError, match="secret"):
        await old.ask("GET", "/things/one")
    contract = old.contract
    headers = {"cs-schema-version": "1.0", "Cache-Control": "no-store"}
    with pytest.raises(AssertionError, match="not declared"):
        contract.check("GET", "/v1/runtime/others", 418, headers, b"{}")
    with pytest.raises(AssertionError, match="cache-control is missing"):
        contract.check("GET", "/v1/runtime/others", 200, {"cs-schema-version": "1.0"}, b"{}")
    with pytest.raises(AssertionError, match="location"):
        contract.check("GET", "/v1/runtime/others", 200, {**headers, "Location": "x"}, b"{}")
