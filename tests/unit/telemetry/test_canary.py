"""A secret that got to where it does not belong shows in no line and in no span of the whole app."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from shared.kernel import lines
from shared.kernel.redaction import HIDDEN, know
from shared.kernel.telemetry import SpanKind, span
from tests.unit.doubles.platform import Platform
from tests.unit.telemetry.recorder import Recorder, recording

CANARY = "k4n4r1env0gel-Zv9Qw2Xs7Lp3"
ENVIRONMENT = {
    "tenantId": "connectsoft",
    "projectId": "proj-shop",
    "name": "canary",
    "stage": "dev",
    "region": "westeurope",
    "isolationModel": "pool",
    "computeTargets": ["container-apps"],
}


class Said(logging.Handler):
    """Every line as a text, its traceback with it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def said() -> Iterator[Said]:
    before, level, root, handler = logging.getLogRecordFactory(), logging.root.level, logging.getLogger(), Said()
    lines.install()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)
    logging.setLogRecordFactory(before)


def everything(said: Said, taken: Recorder) -> str:
    spans = [f"{one.name} {one.attributes} {one.failed}" for one in taken.spans]
    return "\n".join([*said.lines, *spans])


async def test_a_planted_secret_is_in_no_line_and_no_span(said: Said) -> None:
    know([CANARY])
    platform = Platform()

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"the driver said: password {CANARY} refused")

    with recording() as taken:
        made = await platform.send("POST", "/environments", ENVIRONMENT)
        await platform.settle()
        environment_id = made["environmentId"]
        about = {"tenantId": "connectsoft", "environmentId": environment_id}
        refused = await platform.ask("POST", "/configurations", {**about, "values": {"DB_PASSWORD": CANARY}})
        assert refused.status == 422
        assert (await platform.ask("GET", f"/environments/{CANARY.lower()}", x_api_key=CANARY)).status == 404
        assert (await platform.ask("GET", f"/environments?q={CANARY}&x={CANARY}")).status == 400
        platform.store.gather = broken  # type: ignore[method-assign,assignment]
        assert (await platform.ask("GET", f"/environments/{environment_id}")).status == 500
        with span(f"named {CANARY}", SpanKind.INTERNAL, about=f"with {CANARY}"):
            logging.getLogger("shared.some").error("lost %s", CANARY)

    told = everything(said, taken)
    assert CANARY not in told
    assert "the driver said" in told, "the traceback is there, without the secret"
    assert HIDDEN in told


async def test_every_line_of_a_request_says_whose_it_is(said: Said) -> None:
    platform = Platform()
    await platform.send("POST", "/environments", ENVIRONMENT)

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError

    platform.store.gather = broken  # type: ignore[method-assign,assignment]
    trace = "ab" * 16
    await platform.ask("GET", "/environments/env-" + "0" * 16, traceparent=f"00-{trace}-{'cd' * 8}-01")
    unhandled = next(line for line in said.lines if "unhandled" in line)
    assert '"tenantId": "connectsoft"' in unhandled
    assert f'"traceId": "trace-{trace}"' in unhandled
    assert f'"correlationId": "corr-{trace}"' in unhandled
