"""Start to done of the smallest orchestration of the app, against one HTTP round trip on the same host.

The smallest is the scaling flow, started through the Durable management API for an operation that does not exist: its one
activity reads one row, finds none, and the flow ends as `superseded` without an effect. So this is what durability costs:
two requests at least, two episodes, one activity, and the journal of each on disk. One at a time, p50 of `RUNS`; asked
for its status without a pause, since a polling interval would be what is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx

from benchmarks.platform import TENANT, Platform
from benchmarks.ratio import Ratio, median
from blueprints.orchestrations import STARTED_BY
from shared.kernel import ids
from shared.operations.model import OperationKind, Run

RUNS = 60
ENVIRONMENT = ids.environment_id("0" * 16)


def measure(platform: Platform) -> Iterator[Ratio]:
    with httpx.Client(base_url=platform.api, timeout=30, trust_env=False) as client:
        start = f"/runtime/webhooks/durabletask/orchestrators/{STARTED_BY[OperationKind.ENFORCE_SCALING]}"
        once = _milliseconds(lambda number: _orchestration(client, f"{start}?code={platform.hub_key}", number))
        trip = _milliseconds(lambda _: _round_trip(client))
    yield Ratio("a no-op orchestration, p50", once, "GET /alive, p50", trip, "ms", "how many round trips durability costs")


def _milliseconds(call: Callable[[int], None]) -> float:
    call(RUNS)  # opens the connection and warms what is lazy
    measured = []
    for number in range(RUNS):
        began = time.perf_counter()
        call(number)
        measured.append((time.perf_counter() - began) * 1000)
    return median(measured)


def _round_trip(client: httpx.Client) -> None:
    client.get("/alive").raise_for_status()


def _orchestration(client: httpx.Client, start: str, number: int) -> None:
    """Raises `RuntimeError` when it ends otherwise than it has to."""
    answer = client.post(start, json=_run(number).document())
    answer.raise_for_status()
    status = answer.json()["statusQueryGetUri"]
    while (seen := client.get(status)).status_code == httpx.codes.ACCEPTED:
        pass
    document = seen.json()
    if document["runtimeStatus"] != "Completed" or document["output"] != "superseded":
        raise RuntimeError(f"the orchestration ended as {document['runtimeStatus']}: {document['output']}")


def _run(number: int) -> Run:
    return Run(
        tenant_id=TENANT,
        environment_id=ENVIRONMENT,
        operation_id=ids.operation_id(ENVIRONMENT, f"{number:016x}"),
        attempt=1,
        must_settle_by=datetime.now(UTC) + timedelta(minutes=5),
    )
