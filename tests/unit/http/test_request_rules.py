"""Query, cursor, conditional and idempotency headers: what may be said, once, and by whom."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.http import headers, query
from shared.http.cursor import Cursors
from shared.http.idempotency import key_of
from shared.http.preconditions import MAX_FIELD, etag_of, is_not_modified, require_match
from shared.kernel.errors import MalformedRequest, PreconditionFailed


class Status(StrEnum):
    OPEN = "Open"
    RESOLVED = "Resolved"


DECLARED = {
    **query.PAGED,
    "status": query.one_of(Status),
    "dryRun": query.flag,
    "q": query.text,
    "from": query.instant,
}


def wrong(raw: str) -> dict[str, list[str]]:
    with pytest.raises(MalformedRequest) as caught:
        query.read(query.pairs_of(raw), DECLARED)
    return caught.value.errors


def test_declared_parameters_are_read_as_what_they_are() -> None:
    raw = "limit=200&cursor=abc-_&status=Open&dryRun=true&q=a%20b+c%26&from=2026-06-11T12:00:00Z"
    assert query.read(query.pairs_of(raw), DECLARED) == {
        "limit": 200,
        "cursor": "abc-_",
        "status": Status.OPEN,
        "dryRun": True,
        "q": "a b c&",
        "from": datetime(2026, 6, 11, 12, tzinfo=UTC),
    }
    assert query.read(query.pairs_of(""), DECLARED) == {}


@pytest.mark.parametrize(
    "raw",
    [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=007",
        "limit=1.0",
        "limit=",
        "limit",
        "limit=%D9%A1",
        "limit=" + "9" * 5000,
        "cursor=",
        "cursor=%C3%BC",
        "cursor=" + "x" * 3000,
        "status=open",
        "status=Moon",
        "dryRun=1",
        "dryRun=True",
        "q=",
        "q=%00",
        "q=" + "x" * 129,
        "from=yesterday",
        "from=2026-06-11T12:00:00",
        "limit=1&limit=2",
        "limit=1&limit=1",
    ],
)
def test_a_bad_or_repeated_value_names_its_parameter(raw: str) -> None:
    assert list(wrong(raw)) == [raw.partition("=")[0]]


def test_unknown_parameters_are_named_and_nothing_else_is_forgotten() -> None:
    assert set(wrong("Limit=5&limit=0&x=1")) == {"Limit", "limit", "x"}


def test_unknown_names_are_repeated_short_and_printable() -> None:
    ((name, _),) = wrong("x%0a" + "y" * 500 + "=1").items()
    assert len(name) <= 65
    assert name.isprintable()


@pytest.mark.parametrize("raw", ["q=%zz", "q=%f", "q=%", "q=%ff", "%ed%a0%80=1", "&".join(["q=1"] * 51)])
def test_a_query_that_cannot_be_decoded_is_malformed(raw: str) -> None:
    with pytest.raises(MalformedRequest):
        query.pairs_of(raw)


CURSORS = Cursors(b"signing key")
BOUND: tuple[str, str, dict[str, str]] = ("connectsoft", "/environments", {"stage": "prod"})


def test_a_cursor_opens_the_list_it_was_made_for() -> None:
    for after in ("n-env-00000000000001-env-1", "", "svc-ü|😀"):
        assert CURSORS.open(*BOUND, CURSORS.seal(*BOUND, after)) == after


@pytest.mark.parametrize(
    "bound",
    [
        ("other", "/environments", {"stage": "prod"}),
        ("connectsoft", "/deployments", {"stage": "prod"}),
        ("connectsoft", "/environments", {"stage": "dev"}),
        ("connectsoft", "/environments", {}),
        ("connectsoft", "/environments", {"stage": "prod", "q": ""}),
        ("connectsoft/environments", "", {"stage": "prod"}),
    ],
)
def test_a_cursor_opens_no_other_tenant_route_or_filter(bound: Any) -> None:
    with pytest.raises(MalformedRequest):
        CURSORS.open(*bound, CURSORS.seal(*BOUND, "key"))


def test_a_cursor_of_another_key_opens_nothing() -> None:
    with pytest.raises(MalformedRequest):
        Cursors(b"another key").open(*BOUND, CURSORS.seal(*BOUND, "key"))


def test_no_changed_letter_goes_unnoticed() -> None:
    sealed = CURSORS.seal(*BOUND, "n-env-1")
    for position in range(len(sealed)):
        for letter in "Ab0-":
            changed = sealed[:position] + letter + sealed[position + 1 :]
            if changed != sealed:
                with pytest.raises(MalformedRequest):
                    CURSORS.open(*BOUND, changed)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_no_text_is_a_cursor(text: str) -> None:
    with pytest.raises(MalformedRequest):
        CURSORS.open(*BOUND, text)


def test_the_signing_key_is_not_shown() -> None:
    assert "signing" not in repr(CURSORS).replace("signing_key", "")


ETAG = etag_of(b'{"a":1}')


def test_an_etag_is_strong_quoted_and_follows_the_bytes() -> None:
    assert etag_of(b'{"a":1}') == ETAG
    assert etag_of(b'{"a":2}') != ETAG
    assert ETAG[0] == ETAG[-1] == '"'
    int(ETAG.strip('"'), 16)


@pytest.mark.parametrize(
    "field", ["*", ETAG, f"W/{ETAG}", f'"x", {ETAG}', f'W/"x" ,\t{ETAG}', f" {ETAG} ", f'"a,b",{ETAG}']
)
def test_a_current_copy_is_not_sent_again(field: str) -> None:
    assert is_not_modified(field, ETAG)


@pytest.mark.parametrize("field", [None, '"x"', '""', f'"{ETAG[1:-1]}x"', f'"x,{ETAG[1:-1]}"'])
def test_another_copy_is_replaced(field: str | None) -> None:
    assert not is_not_modified(field, ETAG)


@pytest.mark.parametrize(
    "field", ["", "x", ETAG.strip('"'), f"{ETAG},", f"{ETAG} {ETAG}", f"w/{ETAG}", "*, *", '"a', '"' * 5000]
)
def test_a_field_that_is_no_list_of_tags_is_malformed(field: str) -> None:
    says = ["must be * or a list of quoted entity tags"]
    with pytest.raises(MalformedRequest) as caught:
        is_not_modified(field, ETAG)
    assert caught.value.errors == {"If-None-Match": says}
    with pytest.raises(MalformedRequest) as caught:
        require_match(field, ETAG)
    assert caught.value.errors == {"If-Match": says}


def test_only_blanks_and_tabs_surround_a_field_and_it_has_a_greatest_length() -> None:
    longest = f"{ETAG}," + '"' + "x" * (MAX_FIELD - len(ETAG) - 3) + '"'
    assert len(longest) == MAX_FIELD
    assert is_not_modified(f" \t{longest}\t", ETAG)
    for field in (longest[:-1] + 'x"', f"{ETAG}\n", f"X{ETAG}X"):
        with pytest.raises(MalformedRequest):
            is_not_modified(field, ETAG)


def test_if_match_wants_the_current_state_by_strong_comparison() -> None:
    for field in (None, "*", ETAG, f'"x", {ETAG}'):
        require_match(field, ETAG)
    for field in ('"x"', f"W/{ETAG}"):
        with pytest.raises(PreconditionFailed):
            require_match(field, ETAG)


def test_if_match_never_holds_for_what_is_not_there() -> None:
    require_match(None, None)
    for field in ("*", ETAG):
        with pytest.raises(PreconditionFailed):
            require_match(field, None)


def test_no_key_is_no_key() -> None:
    assert key_of({}) is None


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ('"8e03978e"', "8e03978e"),
        (" key ", "key"),
        ("a key", "a key"),
        (r'"a \"b\" \\"', 'a "b" \\'),
        ("x" * 255, "x" * 255),
        (f'"{"x" * 255}"', "x" * 255),
    ],
)
def test_a_key_is_the_same_bare_and_quoted(value: str, key: str) -> None:
    assert key_of({"idempotency-key": value}) == key


@pytest.mark.parametrize(
    "value", ["", " ", '""', '"', '"open', '"a"b"', r'"\x"', "x" * 256, f'"{"x" * 256}"', "ü", "a\tb", "a\x00"]
)
def test_what_is_no_key_is_malformed(value: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        key_of({"idempotency-key": value})
    assert list(caught.value.errors) == ["Idempotency-Key"]


def test_every_answer_has_the_schema_version_and_is_not_stored() -> None:
    assert headers.standard() == {"cs-schema-version": "1.0", "Cache-Control": "no-store"}
    assert headers.resource(ETAG) == {"cs-schema-version": "1.0", "Cache-Control": "private, no-cache", "ETag": ETAG}
