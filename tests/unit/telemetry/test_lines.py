"""What a line of the log says beside its text, and what it never says."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from localazure.host.__main__ import OneLine
from shared.kernel import lines
from shared.kernel.redaction import HIDDEN, know

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJ0ZW5hbnRJZCI6ImNvbnRvc28ifQ.c2lnbmF0dXJl"
SECRETS = {
    "a bearer token": f"Bearer {JWT}",
    "a token alone": JWT,
    "a connection string": "Endpoint=sb://x/;SharedAccessKey=c3VwZXJzZWNyZXQ=;EntityPath=q",
    "an account key": "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1",
    "a password in a URL": "https://olga:hunter2secret@db.example/",
    "a signature": "https://st.example/c?sv=1&sig=abcdefghijklmnopqrstuv%3D",
    "a private key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\n-----END PRIVATE KEY-----",
}
TELLING = ("eyJ0ZW5hbnRJZCI6", "c3VwZXJzZWNyZXQ", "Eby8vdM02x", "hunter2secret", "abcdefghijklmnopqrstuv", "MIIEvQIBADAN")


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    lines.install()
    yield
    logging.setLogRecordFactory(before)


def line(text: str, *args: object) -> logging.LogRecord:
    return logging.getLogger("shared.some").makeRecord("shared.some", logging.INFO, __file__, 1, text, args, None)


def test_a_line_of_a_work_says_all_five_fields() -> None:
    trace = "trace-" + "ab" * 16
    with lines.bound(tenant_id="contoso", trace_id=trace), lines.bound(project_id="shop", module_id="booking"):
        text = line("%d services", 3).getMessage()
    told, _, fields = text.partition(" {")
    assert told == "3 services"
    assert json.loads("{" + fields) == {
        "tenantId": "contoso",
        "projectId": "shop",
        "moduleId": "booking",
        "traceId": trace,
        "correlationId": "corr-" + "ab" * 16,
    }


def test_what_is_not_known_is_empty_and_not_absent() -> None:
    with lines.bound(tenant_id="contoso"):
        assert line("x").__dict__["fields"] == {
            "tenantId": "contoso",
            "projectId": "",
            "moduleId": "",
            "traceId": "",
            "correlationId": "",
        }


def test_a_line_of_no_work_is_its_text() -> None:
    assert line("started").getMessage() == "started"


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_by_its_shape_is_hidden(secret: str) -> None:
    text = line("asked with %s", secret).getMessage()
    assert HIDDEN in text
    assert not any(part in text for part in TELLING)


def test_a_secret_of_the_process_is_hidden_whatever_it_looks_like() -> None:
    know(["correct horse battery staple"])
    assert line("with correct horse battery staple, %s", "x").getMessage() == f"with {HIDDEN}, x"


def test_a_traceback_has_no_secret_and_forges_no_line() -> None:
    try:
        raise ValueError(f"refused\n2026-01-01 INFO forged Bearer {JWT}")
    except ValueError as error:
        record = logging.LogRecord  # the factory makes a subclass of it
        made = logging.getLogRecordFactory()("n", logging.ERROR, __file__, 1, "failed", (), (ValueError, error, None))
        assert isinstance(made, record)
    text = OneLine("%(message)s").format(made)
    assert "eyJ0ZW5hbnRJZCI6" not in text
    assert HIDDEN in text
    assert all(each.startswith("    ") for each in text.split("\n")[1:])
