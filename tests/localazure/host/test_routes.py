"""Route templates and path decoding, as ASP.NET Core does them."""

from __future__ import annotations

import pytest

from localazure.host.configuration import NotEmulated
from localazure.host.routes import compile_template, decode_path


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("v1/things/{id}", "/v1/things/A b", {"id": "A b"}),
        ("v1/things/{id}", "/V1/THINGS/x/", {"id": "x"}),
        ("v1/things/{id}", "/v1/things/", None),
        ("v1/things/{id}", "/v1/things/a/b", None),
        ("v1/things/{id}", "/v1/things/a%2Fb", {"id": "a%2Fb"}),
        ("v1/things/{id}:cancel", "/v1/things/7:cancel", {"id": "7"}),
        ("{*path}", "/", {"path": ""}),
        ("{*path}", "/a/b//c", {"path": "a/b//c"}),
        ("api/{*path}", "/api", {"path": None}),
        ("n/{n:int}", "/n/-12", {"n": "-12"}),
        ("n/{n:int}", "/n/twelve", None),
        ("n/{n:int}", "/n/\u0661", None),
        ("x/{id:guid}", "/x/0f8fad5b-d9cb-469f-a165-70867728950e", {"id": "0f8fad5b-d9cb-469f-a165-70867728950e"}),
        ("a/{b}/{c?}", "/a/1", {"b": "1", "c": None}),
        ("keys", "/\u212aeys", None),
        ("things/{id}", "/things/line\nbreak", {"id": "line\nbreak"}),
    ],
)
def test_templates(template: str, path: str, expected: dict[str, str | None] | None) -> None:
    found = compile_template(template, "f").fullmatch(path)
    assert (found.groupdict() if found else None) == expected


def test_a_constraint_that_is_not_emulated_is_refused_with_the_functions_name() -> None:
    with pytest.raises(NotEmulated, match=r"get_it.*range"):
        compile_template("{id:range(1,2)}", "get_it")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("/a%20b", "/a b"),
        ("/a%2Fb%2fc", "/a%2Fb%2fc"),
        ("/a%5Cb", "/a\\b"),
        ("/a%252Fb", "/a%2Fb"),
        ("/caf%C3%A9", "/café"),
        ("/bad%FF", "/bad%FF"),
        ("/a/./b/../c", "/a/c"),
        ("/a/%2e%2e/c", "/c"),
        ("/a/..", "/"),
        ("/../../x", "/x"),
        ("/.well-known/x", "/.well-known/x"),
        ("/a%00b", None),
    ],
)
def test_a_path_is_decoded_once_as_kestrel_does(raw: str, expected: str | None) -> None:
    assert decode_path(raw) == expected
