"""What an answer means."""

# ruff: noqa: RUF001 - look-alikes are meant

from __future__ import annotations

import json
from itertools import permutations

import pytest

from shared.runtime.health.document import (
    MAX_CHECKS,
    MAX_NAME_LENGTH,
    Check,
    HealthStatus,
    judge,
    reads_body,
    worst,
)

H, D, U, X = HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.UNHEALTHY, HealthStatus.UNKNOWN


def body(document: object) -> bytes:
    return json.dumps(document).encode()


def test_unhealthy_is_worst_and_unknown_is_worse_than_degraded() -> None:
    for order in permutations(HealthStatus):
        assert worst(order) is U
    assert worst([H, D, X]) is X
    assert worst([D, H]) is D
    assert worst([H, H]) is H


def test_of_nothing_nothing_is_known() -> None:
    assert worst([]) is X


@pytest.mark.parametrize(
    ("document", "checks"),
    [
        ({"status": "Healthy"}, []),
        ({"status": "Healthy", "checks": []}, []),
        ({"status": "Healthy", "checks": None, "totalDuration": "00:00:00.01"}, []),
        (
            {
                "status": "Healthy",
                "checks": [{"name": "self", "status": "Healthy"}, {"name": "sql", "status": "Healthy", "durationMs": 12}],
            },
            [Check(name="self", status=H), Check(name="sql", status=H, duration_ms=12)],
        ),
        (
            {"status": "Healthy", "entries": {"sql": {"status": "Healthy", "duration": "00:00:00.0123456", "data": {}}}},
            [Check(name="sql", status=H, duration_ms=12)],
        ),
        (
            {"status": "Healthy", "results": {"sql": {"status": "Healthy", "description": None, "duration": 7.6}}},
            [Check(name="sql", status=H, duration_ms=8)],
        ),
        ({"status": "healthy", "entries": {"sql": "Healthy"}}, [Check(name="sql", status=H)]),
    ],
)
def test_the_common_shapes_are_read(document: object, checks: list[Check]) -> None:
    verdict = judge("json", 200, body(document))
    assert verdict.status is H
    assert verdict.detail is None
    assert list(verdict.checks) == checks


@pytest.mark.parametrize(
    ("own", "check", "aggregate"),
    [
        ("Healthy", "Degraded", D),
        ("Healthy", "Unhealthy", U),
        ("Degraded", "Healthy", D),
        ("Unhealthy", "Healthy", U),
        ("Healthy", "Fine", X),
        ("Fine", "Healthy", X),
        ("Healthy", None, X),
        (2, "Healthy", X),
        ("Healthy", True, X),
        ("Healthy ", "Healthy", X),
        ("Ｈｅａｌｔｈｙ", "Healthy", X),
        ("Fine", "Unhealthy", U),
    ],
)
def test_the_aggregate_is_the_worst_of_the_answer_and_its_checks(
    own: object, check: object, aggregate: HealthStatus
) -> None:
    assert judge("json", 200, body({"status": own, "checks": [{"name": "a", "status": check}]})).status is aggregate
    assert judge("json", 200, body({"status": own, "results": {"a": {"status": check}}})).status is aggregate


def test_checks_under_every_member_count() -> None:
    document = {
        "status": "Healthy",
        "checks": [{"name": "a", "status": "Healthy"}],
        "entries": {"b": {"status": "Unhealthy"}},
    }
    assert judge("json", 200, body(document)).status is U


def test_a_check_beyond_the_kept_ones_still_counts() -> None:
    checks = [{"name": f"c{number}", "status": "Healthy"} for number in range(MAX_CHECKS)]
    verdict = judge("json", 200, body({"status": "Healthy", "checks": [*checks, {"name": "last", "status": "Unhealthy"}]}))
    assert verdict.status is U
    assert len(verdict.checks) == MAX_CHECKS


NO_DOCUMENTS = {
    "empty": (b"", "not-json"),
    "text": (b"Healthy", "not-json"),
    "html": (b"<html><body>Healthy</body></html>", "not-json"),
    "cut off": (b'{"status":"Healthy"', "not-json"),
    "two documents": (b'{"status":"Healthy"}{"status":"Healthy"}', "not-json"),
    "a key twice": (b'{"status":"Unhealthy","status":"Healthy"}', "not-json"),
    "a check twice": (b'{"status":"Healthy","entries":{"a":{"status":"Unhealthy"},"a":{"status":"Healthy"}}}', "not-json"),
    "no utf-8": (b'{"status":"\xff"}', "not-json"),
    "nested": (b"[" * 60_000, "not-json"),
    "a long number": (b'{"status":' + b"9" * 50_000 + b"}", "not-json"),
    "a string": (b'"Healthy"', "not-health-document"),
    "an array": (b'["Healthy"]', "not-health-document"),
    "null": (b"null", "not-health-document"),
    "another object": (b'{"health":"Healthy"}', "not-health-document"),
    "other case": (b'{"Status":"Healthy"}', "not-health-document"),
    "checks as text": (b'{"status":"Healthy","checks":"none"}', "not-health-document"),
    "entries as number": (b'{"status":"Healthy","entries":0}', "not-health-document"),
}


@pytest.mark.parametrize(("raw", "detail"), NO_DOCUMENTS.values(), ids=NO_DOCUMENTS)
def test_what_is_no_document_is_unknown_with_200_and_unhealthy_with_503(raw: bytes, detail: str) -> None:
    verdict = judge("json", 200, raw)
    assert (verdict.status, verdict.detail, list(verdict.checks)) == (X, detail, [])
    assert judge("json", 503, raw).status is U


@pytest.mark.parametrize("own", ["Healthy", "Degraded", "Unhealthy", "Fine"])
def test_503_is_never_better_than_unhealthy_and_keeps_its_checks(own: str) -> None:
    verdict = judge("json", 503, body({"status": own, "checks": [{"name": "sql", "status": own}]}))
    assert (verdict.status, verdict.detail) == (U, "http-503")
    assert [check.name for check in verdict.checks] == ["sql"]


@pytest.mark.parametrize("http_status", [201, 202, 204, 206, 400, 401, 404, 429, 500, 502, 504, 599, 999])
def test_any_other_status_is_unhealthy_whatever_the_body(http_status: int) -> None:
    verdict = judge("json", http_status, body({"status": "Healthy"}))
    assert (verdict.status, verdict.detail) == (U, f"http-{http_status}")
    assert not reads_body("json", http_status)


@pytest.mark.parametrize("http_status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_a_redirect_is_unknown(http_status: int) -> None:
    for format in ("json", "plain"):
        verdict = judge(format, http_status, body({"status": "Healthy"}))
        assert (verdict.status, verdict.detail) == (X, "redirect")


@pytest.mark.parametrize(("http_status", "status"), [(200, H), (204, H), (299, H), (404, U), (500, U), (503, U)])
def test_plain_means_its_status_only(http_status: int, status: HealthStatus) -> None:
    assert judge("plain", http_status, b"").status is status
    assert not reads_body("plain", http_status)


def test_names_are_printable_and_short_whatever_was_sent() -> None:
    names = ["a\x00b\r\nc", "x" * 5000, "\ud800", "", None, 7, {"n": 1}, "sql\u202e"]
    verdict = judge(
        "json", 200, body({"status": "Healthy", "checks": [{"name": name, "status": "Healthy"} for name in names]})
    )
    assert [check.name for check in verdict.checks] == ["abc", "x" * MAX_NAME_LENGTH, *["unnamed"] * 5, "sql"]


@pytest.mark.parametrize("entry", [None, 1, [], ["name"], "Fine", {}])
def test_a_malformed_check_is_an_unknown_one(entry: object) -> None:
    for document in ({"status": "Healthy", "checks": [entry]}, {"status": "Healthy", "entries": {"a": entry}}):
        verdict = judge("json", 200, body(document))
        assert verdict.status is X
        assert [check.status for check in verdict.checks] == [X]


@pytest.mark.parametrize(
    ("duration", "milliseconds"),
    [
        (0, 0),
        (12, 12),
        (12.5, 12),
        ("00:00:01", 1000),
        ("00:00:01.5", 1500),
        ("00:01:00.0000001", 60_000),
        ("0.01:00:00", 3_600_000),
        ("1.00:00:00", 86_400_000),
        ("1.00:00:01", None),
        (-1, None),
        (1e300, None),
        (True, None),
        ("12", None),
        ("00:00", None),
        ("٠٠:00:00", None),
        ([], None),
        (None, None),
    ],
)
def test_durations_are_milliseconds_or_nothing(duration: object, milliseconds: int | None) -> None:
    document = {"status": "Healthy", "checks": [{"name": "a", "status": "Healthy", "duration": duration}]}
    assert judge("json", 200, body(document)).checks[0].duration_ms == milliseconds


def test_numbers_that_are_none_cannot_break_it() -> None:
    for word in (b"NaN", b"Infinity", b"-Infinity", b"1e999"):
        raw = b'{"status":"Healthy","checks":[{"name":"a","status":"Healthy","durationMs":' + word + b"}]}"
        assert judge("json", 200, raw).checks[0].duration_ms is None
