"""Whatever is sent: a problem document with the right code, never a 5xx, never an echo of what it was.

Requests go over a bare socket, so that no client tidies them up on the way.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import Shop
from tests.e2e.driving import EVERY_SCOPE, Platform, Tenant
from tests.e2e.routing import BODIES, PREFIX, Route, mutating, parametrised, reading

MEGABYTE = 1024 * 1024
FORBIDDEN = (b"Traceback", b'File "', b"azure.core", b"pydantic", b"Exception", b"/work/", b".py")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(self.document["code"])

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


class Wire:
    """One request per connection, byte for byte as it is given."""

    def __init__(self, platform: Platform, token: str) -> None:
        url = urlsplit(platform.endpoints["api"])
        self._address = (url.hostname or "", url.port or 0)
        self._token = token

    def send(
        self,
        method: str,
        target: bytes,
        body: bytes | None = None,
        headers: Mapping[str, bytes] | None = None,
        tail: bytes = b"",
    ) -> Answer:
        """`tail` follows the head where no `body` with its length does."""
        given = {"Host": b"127.0.0.1", "Authorization": b"Bearer " + self._token.encode(), "Connection": b"close"}
        if body is not None:
            given |= {"Content-Type": b"application/json", "Content-Length": str(len(body)).encode()}
        given |= dict(headers or {})
        lines = [method.encode() + b" " + target + b" HTTP/1.1"]
        lines += [name.encode() + b": " + value for name, value in given.items()]
        with socket.create_connection(self._address, timeout=30) as connection:
            connection.sendall(b"\r\n".join([*lines, b"", body or tail]))
            response = HTTPResponse(connection, method=method)
            response.begin()
            answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
            response.close()
        return answer


@pytest.fixture(scope="module")
def wire(platform: Platform, shop: Shop) -> Wire:
    return Wire(platform, platform.tenant(shop.tenant.tenant_id, EVERY_SCOPE).token)


def is_problem(answer: Answer, *codes: str) -> None:
    """A problem document of one of `codes`, complete and without a word that is not ours."""
    assert answer.status < 500, answer
    assert answer.headers.get("content-type") == "application/problem+json", answer
    assert answer.headers.get("cs-schema-version") == "1.0"
    assert answer.document["status"] == answer.status
    assert answer.document.keys() >= {"type", "title", "detail", "instance", "code", "traceId"}
    assert answer.code in codes, answer
    assert not any(word in answer.body for word in FORBIDDEN), answer


RAW_IDS = [
    b"a/b", b"..", b".", b"...", b"a\\b", b"..\\..", b"a#b", b"#", b"a|b", b"\xc3\xbc", b"\xe2\x84\xaa", b"\xff",
    b"\xf0\x9f\x92\xa9", b"\xed\xa0\x80", b"a'b", b"'", b'"', b"`", b"{x}", b"[x]", b"^", b"~", b"*", b"a;b", b"a:b",
    b"a,b", b"<x>", b"$", b"\x01", b"\x7f",
    b"env-0000000000000000", b"ENV-0000000000000000", b"env-000000000000000", b"env-00000000000000000", b"-", b"a" * 65,
    b"a" * 300, b"a" * 5000, b"0", b"null", b"undefined", b"openapi.json", b"env", b"slot", b"seq", b"binding", b"health",
    b"log-0", b"idem-0", b"dep-", b"op-", b"dep-0000000000000000", b"dep-00000000000000000000000000000000~000",
]  # fmt: skip
ENCODED_IDS = [
    b"a%2Fb", b"a%2fb", b"%2F", b"..%2F..", b"%2e%2e", b"%2E", b"a%5Cb", b"%5C", b"a%23b", b"%23", b"a%3Fb", b"%3F",
    b"a%7Cb", b"%7C", b"%C3%BC", b"%E2%84%AA", b"%F0%9F%92%A9", b"%FF", b"%C3", b"%ED%A0%80", b"%0A", b"%0D%0A", b"%7F",
    b"%20", b"%25", b"%252F", b"%25252F", b"%", b"%z", b"%zz", b"%u0041", b"%27", b"%27%20or%20%271%27%20eq%20%271",
    b"%22", b"%3Cscript%3E", b"%7B%7B7*7%7D%7D", b"%26", b"%3D", b"+", b"%2B", b"%41", b"env%2D0000000000000000",
    b"a" * 60 + b"%2F",
]  # fmt: skip


def at(route: Route, ident: bytes) -> bytes:
    head, _, tail = route.path.partition("{")
    return (PREFIX + head).encode() + ident + tail.partition("}")[2].encode()


@pytest.mark.parametrize("route", parametrised(), ids=str)
def test_an_id_that_cannot_be_is_not_found(wire: Wire, route: Route) -> None:
    body = None if route.method == "GET" else b"{}"
    for ident in RAW_IDS + ENCODED_IDS:
        answer = wire.send(route.method, at(route, ident), body)
        is_problem(answer, "NotFound", "MethodNotAllowed")
        if route.method == "GET":  # the alias goes the same way; an attempt costs a log row each
            alias = wire.send(route.method, at(route, ident).removeprefix(b"/v1"), body)
            assert (alias.status, alias.code) == (answer.status, answer.code), ident


@pytest.mark.parametrize("route", parametrised(), ids=str)
def test_a_question_mark_in_an_id_begins_a_query_of_unknown_parameters(wire: Wire, route: Route) -> None:
    body = None if route.method == "GET" else b"{}"
    for ident in (b"env-0000000000000000?b", b"?", b"?=", b"a?b=c", b"a??", b"a?%", b"a?\xff=\xff", b"a?b=%00", b"a?&&&"):
        is_problem(wire.send(route.method, at(route, ident), body), "NotFound", "MethodNotAllowed", "MalformedRequest")


@pytest.mark.parametrize("route", [one for one in reading() if one.lists_environment], ids=str)
def test_a_hostile_environment_in_a_query_is_a_problem(wire: Wire, route: Route) -> None:
    path = (PREFIX + route.path).replace("{serviceId}", "module-reservations-api").encode()
    for ident in [*ENCODED_IDS, b"", b"%00", b"%2C", b"a" * 129, b"env-0000000000000000"]:
        is_problem(wire.send("GET", path + b"?environmentId=" + ident), "NotFound", "MalformedRequest")
    for query in (b"environmentId=a&environmentId=b", b"EnvironmentId=a", b"environmentId", b"&".join([b"a=b"] * 60)):
        is_problem(wire.send("GET", path + b"?" + query), "NotFound", "MalformedRequest")


@pytest.mark.parametrize("route", [one for one in reading() if "{" not in one.path], ids=str)
def test_a_hostile_page_is_malformed(wire: Wire, shop: Shop, route: Route) -> None:
    path = f"{PREFIX}{route.path}?".encode()
    if route.lists_environment:
        path += f"environmentId={shop.environment_id}&".encode()
    for query in (
        *(
            b"limit=" + value
            for value in (b"0", b"201", b"-1", b"+1", b"1.0", b"%31%00", b"9" * 500, b"", b"%D9%A1", b"0x1")
        ),
        *(
            b"cursor=" + value
            for value in (b"", b"x", b"A" * 2000, b"A" * 3000, b"%00", b"%FF", b"%C3%BC", b"..%2F..", b"====")
        ),
        b"limit=1&limit=1",
        b"nope=1",
    ):
        is_problem(wire.send("GET", path + query), "MalformedRequest")


def deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


HOSTILE_BODIES: Mapping[str, tuple[bytes, str]] = {
    "not JSON": (b"{", "MalformedRequest"),
    "trailing words": (b"{} {}", "MalformedRequest"),
    "a comment": (b'{/* hello */"a":1}', "MalformedRequest"),
    "single quotes": (b"{'a':1}", "MalformedRequest"),
    "a duplicate key": (b'{"tenantId":"x","tenantId":"y"}', "MalformedRequest"),
    "a duplicate key by escape": (b'{"tenantId":"x","tenant\\u0049d":"y"}', "MalformedRequest"),
    "a duplicate key within": (b'{"values":{"A":1,"A":2}}', "MalformedRequest"),
    "an array": (b"[]", "MalformedRequest"),
    "null": (b"null", "MalformedRequest"),
    "a text": (b'"tenantId"', "MalformedRequest"),
    "a number": (b"1", "MalformedRequest"),
    "only spaces": (b"   ", "MalformedRequest"),
    "NaN": (b'{"a":NaN}', "MalformedRequest"),
    "Infinity": (b'{"a":-Infinity}', "MalformedRequest"),
    "a huge integer": (b'{"a":' + b"9" * 5000 + b"}", "MalformedRequest"),
    "a huge exponent": (b'{"a":1e99999}', "MalformedRequest"),
    "a deep nesting": (deep(40), "MalformedRequest"),
    "a very deep nesting": (deep(30_000), "MalformedRequest"),
    "deep arrays": (b"[" * 100_000, "MalformedRequest"),
    "a lone surrogate": (b'{"a":"\\ud800"}', "MalformedRequest"),
    "a lone surrogate as a name": (b'{"\\ud800":1}', "MalformedRequest"),
    "a byte-order mark": (b"\xef\xbb\xbf{}", "MalformedRequest"),
    "UTF-16": ('{"tenantId":"x"}'.encode("utf-16"), "MalformedRequest"),
    "Latin-1": (b'{"a":"\xfc"}', "MalformedRequest"),
    "a NUL": (b'{"a":"\x00"}', "MalformedRequest"),
    "binary": (bytes(range(256)), "MalformedRequest"),
    "257 KiB": (b'{"a":"' + b"x" * (257 * 1024) + b'"}', "BodyTooLarge"),
}


@pytest.mark.parametrize("route", mutating(), ids=str)
def test_a_body_that_is_no_clean_json_is_refused(wire: Wire, shop: Shop, route: Route) -> None:
    target = route.at(shop.ident(route.parameter)).encode()
    for name, (body, code) in HOSTILE_BODIES.items():
        answer = wire.send(route.method, target, body)
        assert answer.status < 500, name
        is_problem(answer, code)


@pytest.mark.parametrize(
    "body", [b'{"a":"' + b"x" * (10 * MEGABYTE) + b'"}', b" " * (10 * MEGABYTE)], ids=["text", "spaces"]
)
@pytest.mark.parametrize("path", ["/environments", "/configurations", "/deployments"])
def test_a_body_of_10_mb_is_too_large(wire: Wire, path: str, body: bytes) -> None:
    is_problem(wire.send("POST", f"{PREFIX}{path}".encode(), body), "BodyTooLarge")


@pytest.mark.parametrize("route", mutating(), ids=str)
@pytest.mark.parametrize(
    "content_type",
    [b"", b"text/plain", b"text/json", b"application/xml", b"application/json; charset=utf-16", b"application/jsonx",
     b"*/*",
     b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"application/problem+json", b"\xff", b";",
     b"application/json, text/plain"],
)  # fmt: skip
def test_another_content_type_is_unsupported(wire: Wire, shop: Shop, route: Route, content_type: bytes) -> None:
    target = route.at(shop.ident(route.parameter)).encode()
    is_problem(wire.send(route.method, target, b"{}", {"Content-Type": content_type}), "UnsupportedMediaType")


@pytest.mark.parametrize(
    "content_type", [b"application/json; charset=utf-8", b"APPLICATION/JSON", b'application/json;charset="UTF-8"']
)
def test_json_in_any_spelling_is_read(wire: Wire, content_type: bytes) -> None:
    answer = wire.send("POST", f"{PREFIX}/configurations".encode(), b"{}", {"Content-Type": content_type})
    assert answer.code in ("NotFound", "MalformedRequest")


@pytest.mark.parametrize("route", [one for one in mutating() if one.path in BODIES], ids=str)
def test_an_empty_body_is_malformed(wire: Wire, route: Route) -> None:
    is_problem(wire.send("POST", route.at("").encode(), b""), "MalformedRequest")
    is_problem(wire.send("POST", route.at("").encode(), None, {"Content-Length": b"0"}), "MalformedRequest")


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every member of a body, the inner ones too."""
    members: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        members = list(value.items())
    elif isinstance(value, list):
        members = list(enumerate(value))
    for name, inner in members:
        yield (*path, name)
        yield from leaves(inner, (*path, name))


def replaced(body: Any, path: tuple[str | int, ...], value: Any) -> Any:
    copy = json.loads(json.dumps(body))
    here = copy
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    return copy


HOSTILE_VALUES: list[Any] = [
    None, True, 0, -1, 1.5, 2**53 - 1, "", " ", "x" * 5000, "a/b\\c#d?e|f", "ü\u212a\U0001f4a9", "\u0000", "\n", "'; drop",
    "{{7*7}}", [], {}, [[]], {"a": 1}, ["a"] * 300, "env-0000000000000000", "latest", "${jndi:x}",
]  # fmt: skip


@pytest.mark.parametrize("route", [one for one in mutating() if one.path in BODIES], ids=str)
def test_any_value_in_any_place_is_answered_and_never_a_5xx(platform: Platform, route: Route) -> None:
    """The environment is nobody's, so that nothing can come of what happens to be right."""
    tenant = platform.fresh_tenant()
    wire, body = Wire(platform, tenant.token), BODIES[route.path](tenant.tenant_id, "env-0000000000000000")
    if route.path == "/environments":
        body["stage"] = "nowhere"  # an invalid one on purpose, for the same reason
    for path in leaves(body):
        for value in HOSTILE_VALUES:
            answer = wire.send("POST", route.at("").encode(), json.dumps(replaced(body, path, value)).encode())
            if answer.status == 202:
                assert path == ("stage",), (path, value)
                continue
            is_problem(answer, "MalformedRequest", "ValidationFailed", "NotFound", "TenantMismatch", "TargetNotEnabled")


NEVER_RIGHT: list[Any] = [[[]], {"a": 1}, "\u0000", "x" * 5000, -1.5]


@pytest.mark.parametrize("route", [one for one in mutating() if one.path in BODIES], ids=str)
def test_hostile_values_meet_a_real_environment_too(shop: Shop, wire: Wire, route: Route) -> None:
    """One field wrong at a time, in a request that is otherwise right, must name that field."""
    body = BODIES[route.path](shop.tenant.tenant_id, shop.environment_id)
    for path in leaves(body):
        if path in (("tenantId",), ("environmentId",), ("values",)) or path[0] == "values":
            continue
        for value in NEVER_RIGHT:
            answer = wire.send("POST", route.at("").encode(), json.dumps(replaced(body, path, value)).encode())
            is_problem(answer, "MalformedRequest", "ValidationFailed")
            named = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
            assert any(one.startswith(named.partition("[")[0]) for one in answer.document["errors"]), (path, answer)


@pytest.mark.parametrize("route", mutating(), ids=str)
def test_an_unknown_field_is_malformed_and_named(shop: Shop, wire: Wire, route: Route) -> None:
    body = {**route.body(shop.tenant.tenant_id, shop.environment_id), "surprise": "not-echoed"}
    answer = wire.send(route.method, route.at(shop.ident(route.parameter)).encode(), json.dumps(body).encode())
    is_problem(answer, "MalformedRequest")
    assert "surprise" in answer.document["errors"]
    assert b"not-echoed" not in answer.body


@pytest.mark.parametrize(
    "key", [b"", b" ", b"x" * 256, b"x" * 300, b'"', b'"a', b'a"b"', b"\xc3\xbc", b"\xff", b"a\tb", b'"\\x"', b"a, b" * 100]
)
def test_a_bad_idempotency_key_is_malformed(shop: Shop, wire: Wire, key: bytes) -> None:
    body = json.dumps(BODIES["/configurations"](shop.tenant.tenant_id, shop.environment_id)).encode()
    answer = wire.send("POST", f"{PREFIX}/configurations".encode(), body, {"Idempotency-Key": key})
    if key == b'a"b"':  # a bare key may hold quotes
        assert answer.status == 201
        return
    is_problem(answer, "MalformedRequest")
    assert list(answer.document["errors"]) == ["Idempotency-Key"]


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("value", [b"", b"x", b'"', b'"a', b"W/", b"\xff", b'"' + b"a" * 5000 + b'"', b"*, *"])
def test_a_bad_entity_tag_is_never_a_5xx(shop: Shop, wire: Wire, header: str, value: bytes) -> None:
    target = f"{PREFIX}/deployments/{shop.deployment_id}".encode()
    if header == "If-Match":
        answer = wire.send("POST", target + b"/rollback", b"{}", {header: value})
        is_problem(answer, "MalformedRequest", "PreconditionFailed")
    else:
        answer = wire.send("GET", target, None, {header: value})
        assert answer.status in (200, 400), answer


@pytest.mark.parametrize(
    "target",
    [
        b"//",
        b"/v1//runtime/environments",
        b"/v1/runtime/environments/",
        b"//v1/runtime/environments",
        b"/v1/runtime/../runtime/environments",
        b"/v1/runtime/%65nvironments",
        b"/V1/runtime/environments",
        b"/v1/runtime;x/environments",
        b"/\xff",
        b"/%",
        b"/v2%2Fruntime",
        b"/" + b"a/" * 2000,
    ],
    ids=lambda target: repr(target[:40]),
)
def test_a_path_that_is_none_of_ours_is_not_found(wire: Wire, target: bytes) -> None:
    is_problem(wire.send("GET", target), "NotFound")


@pytest.mark.parametrize("target", [b"/%00", b"/v1/runtime/environments/%00", b"/v1/runtime/environments/a%00b"])
def test_a_nul_in_a_path_ends_at_the_host(wire: Wire, target: bytes) -> None:
    """Azure's front answers it by itself, without a body, and so does the local host."""
    answer = wire.send("GET", target)
    assert (answer.status, answer.headers.get("cs-schema-version")) == (400, "1.0")


def test_a_chunked_body_is_answered_as_an_empty_one(wire: Wire) -> None:
    """The Functions host passes a body on only with its length."""
    headers = {"Transfer-Encoding": b"chunked", "Content-Type": b"application/json", "Connection": b"close"}
    target = f"{PREFIX}/configurations".encode()
    is_problem(wire.send("POST", target, None, headers, tail=b"2\r\n{}\r\n0\r\n\r\n"), "MalformedRequest")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "FOO", "get", "PROPFIND"])
def test_an_odd_method_is_never_a_5xx(wire: Wire, method: str) -> None:
    assert wire.send(method, f"{PREFIX}/environments".encode()).status in (400, 404, 405, 501)


def test_a_tenant_of_odd_characters_works_like_any(platform: Platform) -> None:
    """The tenant is a claim: any printable text, and no text may reach another's rows."""
    names = ["a|~", "tenant/with\\all#of?them%7C", "K\u212a \U0001f4a9", "~", "a" * 128]
    for name in names:
        tenant: Tenant = platform.tenant(name)
        accepted = tenant.provision(name="odd")
        assert accepted.status_code == 202, (name, accepted.text)
        assert [one["tenantId"] for one in tenant.read("/environments")["environments"]] == [name]
