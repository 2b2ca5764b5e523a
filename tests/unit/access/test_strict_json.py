"""One document, understood alike by every reader, or none."""

from __future__ import annotations

import pytest

from shared.access.strict_json import loads


@pytest.mark.parametrize(
    ("raw", "document"),
    [(b'{"allow": true}', {"allow": True}), ('["é", "😀"]'.encode(), ["é", "😀"]), (b"1.5", 1.5), (b"null", None)],
)
def test_json_is_what_it_says(raw: bytes, document: object) -> None:
    assert loads(raw) == document


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"allow": false, "allow": true}', "^a member is given twice$"),
        (b'[{"a": {"b": 1, "b": 1}}]', "^a member is given twice$"),
        (b'{"exp": NaN}', "^NaN is not JSON$"),
        (b'{"exp": Infinity}', "^Infinity is not JSON$"),
        (b'{"exp": -Infinity}', "^-Infinity is not JSON$"),
        (b"[" * 100_000 + b"]" * 100_000, "^nested too deeply$"),
        (b'{"exp": 1e999}', "JSON compliant"),  # a number no float holds becomes infinite
        (b'"\\ud800"', "surrogates not allowed"),
        (b'"\xff"', "invalid start byte"),
        (b"{} {}", "Extra data"),
        (b"", "Expecting value"),
    ],
)
def test_everything_else_is_refused_and_says_why(raw: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        loads(raw)
