"""A raw path leads to one route or to one of three errors, whatever is encoded in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.http.headers import Deprecation
from shared.http.routes import Match, Route, RouteTable
from shared.kernel.errors import MethodNotAllowed, NotFound, RuntimeCloudError, UnsupportedApiVersion


async def handler() -> None:
    """Never called here."""


def route(method: str, path: str, **more: Any) -> Route:
    return Route(method, path, ("runtime.environments.read",), False, f"{method} {path}", handler, **more)


TABLE = RouteTable(
    [
        route("GET", "/environments"),
        route("POST", "/environments"),
        route("GET", "/environments/{environmentId}"),
        route("POST", "/environments/{environmentId}/decommission"),
        route("POST", "/environments/special"),
        route("GET", "/services/{serviceId}/health"),
        route("POST", "/drift/{environmentId}/findings/{findingId}/accept"),
        route("GET", "/alive", absolute=True),
        route("GET", "/health", absolute=True),
    ]
)


def found(method: str, path: str) -> tuple[str, dict[str, str]]:
    match = TABLE.match(method, path)
    return match.route.action, dict(match.params)


@pytest.mark.parametrize("prefix", ["/v1/runtime", "/runtime"])
def test_both_spellings_of_the_prefix_mean_the_same(prefix: str) -> None:
    assert found("GET", f"{prefix}/environments") == ("GET /environments", {})
    assert found("GET", f"{prefix}/environments/env-1") == ("GET /environments/{environmentId}", {"environmentId": "env-1"})
    assert found("POST", f"{prefix}/drift/env-1/findings/drift-2/accept")[1] == {
        "environmentId": "env-1",
        "findingId": "drift-2",
    }


def test_some_paths_are_whole() -> None:
    assert found("GET", "/alive") == ("GET /alive", {})
    for path in ("/v1/runtime/alive", "/runtime/alive", "/environments"):
        with pytest.raises(NotFound):
            TABLE.match("GET", path)


@pytest.mark.parametrize(
    "path", ["/v2/runtime/environments", "/v2", "/v0/x", "/v10/runtime", "/v2/runtime/nothing", "/v01/x"]
)
def test_another_version_is_named_as_such(path: str) -> None:
    with pytest.raises(UnsupportedApiVersion) as caught:
        TABLE.match("GET", path)
    assert caught.value.supported == ["v1"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/v1",
        "/v1/runtime",
        "/v1/runtime/",
        "/runtime",
        "/v1/runtime/environments/",
        "/v1/runtime/environments/env-1/",
        "/v1/runtime//environments",
        "//v1/runtime/environments",
        "/v1/runtime/Environments",
        "/V1/runtime/environments",
        "/V2/runtime/environments",
        "/v1/Runtime/environments",
        "/v1/runtime/%65nvironments",
        "/v1%2Fruntime/environments",
        "/runtime/v1/environments",
        "/v1/v1/runtime/environments",
        "/v1/runtime/services//health",
        "/v1/runtime/services/a/b/health",
        "/v1/runtime/services/%FF/health",
        "/v1/runtime/services/%zz/health",
        "/v1/runtime/services/%/health",
        "/v1/runtime/services/%00/health",
        "/v1/runtime/services/a%0d%0ab/health",
        "/v1/runtime/services/%ED%A0%80/health",
        "/v1/runtime/environments/{environmentId}/x",
    ],
)
def test_anything_else_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        TABLE.match("GET", path)


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ("a%2Fhealth", "a/health"),
        ("a%2fb", "a/b"),
        ("a%5Cb", "a\\b"),
        ("..%2F..%2Fadmin", "../../admin"),
        ("..", ".."),
        ("%252F", "%2F"),
        ("a%23b%3Fc", "a#b?c"),
        ("%C3%BC", "ü"),
        ("ü", "ü"),
        ("a+b", "a+b"),
        ("a|b", "a|b"),
        ("%F0%9F%98%80", "😀"),
    ],
)
def test_only_what_was_written_as_a_slash_separates(raw: str, decoded: str) -> None:
    match = TABLE.match("GET", f"/v1/runtime/services/{raw}/health")
    assert match.params == {"serviceId": decoded}
    with pytest.raises(NotFound):
        match.ids()


def test_a_parameter_that_can_be_an_id_is_one() -> None:
    match = TABLE.match("GET", "/v1/runtime/services/module-reservations-api/health")
    assert match.ids() == {"serviceId": "module-reservations-api"}
    for impossible in ("A", "-a", "a_b", "a" * 65, "a\n"):
        with pytest.raises(NotFound):
            Match(match.route, {"serviceId": impossible}).ids()


def test_a_literal_wins_over_a_parameter_and_both_are_known() -> None:
    assert found("POST", "/v1/runtime/environments/special")[0] == "POST /environments/special"
    assert found("GET", "/v1/runtime/environments/special")[0] == "GET /environments/{environmentId}"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/v1/runtime/environments/env-1", ["GET", "HEAD"]),
        ("PUT", "/runtime/environments", ["GET", "HEAD", "POST"]),
        ("OPTIONS", "/v1/runtime/environments", ["GET", "HEAD", "POST"]),
        ("HEAD", "/v1/runtime/environments/env-1/decommission", ["POST"]),
        ("GET", "/v1/runtime/environments/env-1/decommission", ["POST"]),
        ("PATCH", "/v1/runtime/environments/special", ["GET", "HEAD", "POST"]),
        ("POST", "/alive", ["GET", "HEAD"]),
        ("get", "/alive", ["GET", "HEAD"]),
    ],
)
def test_a_known_path_says_which_methods_it_has(method: str, path: str, allow: list[str]) -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        TABLE.match(method, path)
    assert caught.value.allow == allow


def test_head_is_get_without_a_body() -> None:
    match = TABLE.match("HEAD", "/v1/runtime/environments")
    assert (match.route.method, match.head) == ("GET", True)
    assert not TABLE.match("GET", "/v1/runtime/environments").head


def test_no_two_routes_answer_the_same_requests() -> None:
    with pytest.raises(ValueError, match="twice"):
        RouteTable([route("GET", "/x/{a}"), route("GET", "/x/{b}")])


def test_the_table_lists_its_routes_in_the_order_of_declaration() -> None:
    assert [one.full_path for one in TABLE][:2] == ["/v1/runtime/environments"] * 2
    assert [one.full_path for one in TABLE][-1] == "/health"


def test_a_deprecation_says_since_and_until_when_and_never_ends_before_it_began() -> None:
    since, sunset = datetime(2026, 6, 11, tzinfo=UTC), datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)
    assert Deprecation(since, sunset, "https://docs.connectsoft.ai/x").headers() == {
        "Deprecation": "@1781136000",
        "Sunset": "Wed, 30 Jun 2027 23:59:59 GMT",
        "Link": '<https://docs.connectsoft.ai/x>; rel="deprecation"; type="text/html"',
    }
    with pytest.raises(ValueError, match="earlier"):
        Deprecation(sunset, since, "x")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(
        st.sampled_from(["", "v1", "v2", "runtime", "environments", "%2F", "%ff", "..", "a"]) | st.text(max_size=6),
        max_size=9,
    ),
    st.sampled_from(["GET", "HEAD", "POST", "DELETE", ""]),
)
def test_no_path_is_ever_more_than_one_of_three_errors(segments: list[str], method: str) -> None:
    try:
        match = TABLE.match(method, "/" + "/".join(segments))
    except (NotFound, MethodNotAllowed, UnsupportedApiVersion):
        return
    assert all(match.params.values())


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(min_size=1, max_size=20))
def test_what_is_quoted_comes_back_as_it_was(text: str) -> None:
    try:
        match = TABLE.match("GET", f"/v1/runtime/services/{quote(text, safe='', errors='surrogatepass')}/health")
    except RuntimeCloudError:
        assert not text.isprintable()
        return
    assert match.params["serviceId"] == text
