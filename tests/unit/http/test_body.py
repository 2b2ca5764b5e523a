"""A body is one unambiguous JSON object, or an answer that names where it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.http.body import MAX_BODY_BYTES, MAX_DEPTH, parse
from shared.http.message import Request
from shared.kernel.errors import BodyTooLarge, MalformedRequest, RuntimeCloudError, UnsupportedMediaType


def request(body: bytes | str, content_type: str | None = "application/json") -> Request:
    raw = body.encode() if isinstance(body, str) else body
    return Request("POST", "/", headers={} if content_type is None else {"content-type": content_type}, body=raw)


def wrong(body: bytes | str) -> dict[str, list[str]]:
    with pytest.raises(MalformedRequest) as caught:
        parse(request(body))
    return caught.value.errors


def test_an_object_is_read_as_it_is() -> None:
    document = {"a": [1, -2, 1.5, True, None, "ü😀"], "b": {"c": {}}, "max": 2**53 - 1, "min": -(2**53 - 1)}
    assert parse(request(json.dumps(document))) == document
    assert parse(request(json.dumps(document, ensure_ascii=False))) == document


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json ;",
    ],
)
def test_json_by_its_one_name(content_type: str) -> None:
    assert parse(request("{}", content_type)) == {}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/json",
        "application/problem+json",
        "application/json; charset=latin-1",
        "application/json; profile=x",
        "application/x-www-form-urlencoded",
        "application/json, text/plain",
    ],
)
def test_other_media_types_are_not_supported(content_type: str | None) -> None:
    with pytest.raises(UnsupportedMediaType):
        parse(request("{}", content_type))


def test_no_body_is_an_object_only_where_it_is_optional() -> None:
    assert wrong(b"") == {"": ["a JSON object is needed"]}
    assert parse(request(b"", None), optional=True) == {}
    with pytest.raises(MalformedRequest):
        parse(request(b" "), optional=True)


def test_size_is_judged_before_anything_is_read() -> None:
    with pytest.raises(BodyTooLarge):
        parse(request(b"\xff" * (MAX_BODY_BYTES + 1), None))
    padded = b'{"a":"' + b"x" * (MAX_BODY_BYTES - 8) + b'"}'
    assert len(padded) == MAX_BODY_BYTES
    parse(request(padded))


@pytest.mark.parametrize("body", ["[]", '"text"', "1", "null", "true"])
def test_the_top_is_an_object(body: str) -> None:
    assert wrong(body) == {"": ["must be an object"]}


@pytest.mark.parametrize(
    ("body", "path", "word"),
    [
        ('{"a":1,"a":1}', "a", "more than once"),
        ('{"components":[{},{"image":1,"image":2}]}', "components[1].image", "more than once"),
        ('{"a":{"b":NaN}}', "a.b", "number"),
        ('{"a":[0,-Infinity]}', "a[1]", "number"),
        ('{"a":1e999}', "a", "range"),
        ('{"a":9007199254740992}', "a", "2^53"),
        ('{"a":-9007199254740992}', "a", "2^53"),
        ('{"a":' + "9" * 10_000 + "}", "a", "2^53"),
        ('{"a":"\\ud800"}', "a", "surrogate"),
        ("NaN", "", "number"),
    ],
)
def test_what_two_readers_could_read_differently_is_named_by_its_path(body: str, path: str, word: str) -> None:
    errors = wrong(body)
    assert list(errors) == [path]
    assert word in errors[path][0]


def test_a_surrogate_in_a_name_is_found_and_the_answer_stays_text() -> None:
    errors = wrong('{"\\udfff":1}')
    json.dumps(errors, ensure_ascii=False).encode()


def test_nesting_is_bounded() -> None:
    def nested(levels: int) -> str:
        return '{"a":' * levels + "1" + "}" * levels

    parse(request(nested(MAX_DEPTH)))
    assert "deeper" in str(wrong(nested(MAX_DEPTH + 1)))
    assert "deeper" in str(wrong('{"a":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}"))
    assert "deeper" in str(wrong("[" * 200_000)) or "not JSON" in str(wrong("[" * 200_000))
    assert wrong('{"a":' * 40_000)


@pytest.mark.parametrize(
    "body",
    ["{", '{"a":}', "{'a':1}", '{"a":1,}', "{}{}", "// no\n{}", b'{"a":"\xff"}', b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00"],
)
def test_what_is_no_json_in_utf8_is_malformed(body: bytes | str) -> None:
    assert list(wrong(body)) == [""]


def test_values_are_never_repeated_and_errors_are_bounded() -> None:
    errors = wrong('{"password":"hunter2\\ud800","b":[' + ",".join(["NaN"] * 500) + "]}")
    assert "hunter2" not in str(errors)
    assert len(errors) == 50


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=200) | st.text('{}[]":,\\ud80019.eE-+ \nabNaInfity', max_size=80).map(str.encode))
def test_no_bytes_are_ever_more_than_a_refusal(body: bytes) -> None:
    try:
        document = parse(request(body))
    except RuntimeCloudError:
        return
    json.dumps(document, allow_nan=False, ensure_ascii=False).encode()


JSON: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_every_ordinary_object_is_read_back(document: dict[str, Any]) -> None:
    assert parse(request(json.dumps(document))) == document
