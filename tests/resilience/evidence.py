"""What shows that nothing happened twice and that nothing is left half done.

Looks go on while the API's process is dead or answers 503: whoever polls a platform sees the same.
"""

from __future__ import annotations

import contextlib
import gc
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx

from tests.e2e.driving import ENDED, SETTLED, Json, Platform, Tenant, until
from tests.e2e.observer import Delivered, Observer

QUICK_GATE = {"stableSeconds": 1, "retryTimeoutSeconds": 60}  # a good release passes after a second, whatever the load
STRICT_GATE = {**QUICK_GATE, "failureLimit": 1}  # for a release that is bad: the second look at it decides
UNCLOSED = "unclosed <socket"  # the Service Bus client forgets the sockets of a broker that ended under it
SOON = 120.0  # a lock of the work queue (5 s), a sweep, the host's own way back and the work itself, on a busy machine


def patiently(read: Callable[[], Json]) -> Callable[[], Json]:
    """The look, answering {} while nobody serves."""

    def look() -> Json:
        try:
            return read()
        except (httpx.TransportError, AssertionError):
            return {}

    return look


def at_phase(tenant: Tenant, path: str, holds: Callable[[Json], bool], seconds: float = 120.0) -> Json:
    """Look as fast as the API answers, so that what lasts a tenth of a second is seen."""
    deadline = time.monotonic() + seconds
    while not holds(seen := tenant.read(path)):
        assert time.monotonic() < deadline, f"last seen: {seen}"
    return seen


def ended(tenant: Tenant, deployment_id: str, seconds: float = SOON) -> Json:
    """The deployment and its operation, once both have ended: the two and the slot end in one transaction."""
    path = f"/deployments/{deployment_id}"
    seen = until(patiently(lambda: tenant.read(path)), lambda one: one.get("status") in ENDED, seconds)
    operation = until(patiently(lambda: tenant.read(f"/operations/{seen['operationId']}")), bool, seconds)
    assert operation["status"] in SETTLED, operation
    assert (operation["status"] == "Succeeded") == (seen["status"] == "Completed"), (seen["status"], operation)
    assert all("endedAt" in step for step in operation["steps"]), operation["steps"]
    once_each(seen)
    return seen


def deploy(tenant: Tenant, environment_id: str, components: Sequence[Json], gate: Json = QUICK_GATE) -> str:
    """The id of a deployment that was accepted. A race lost to the sweeps is the caller's to run again (design.md)."""

    def post() -> httpx.Response:
        return tenant.deploy(environment_id, components, gate=gate)

    answer = until(post, lambda one: one.json().get("code") != "ConcurrentChange")
    assert answer.status_code == 202, answer.text
    return str(answer.json()["deploymentId"])


def completed(tenant: Tenant, environment_id: str, components: Sequence[Json]) -> Json:
    seen = ended(tenant, deploy(tenant, environment_id, components))
    assert seen["status"] == "Completed", seen
    return seen


def operation_of(answer: httpx.Response) -> str:
    return answer.headers["Operation-Location"].rpartition("/")[2]


def once_each(deployment: Json) -> None:
    """No (phase, wave) twice, the first is Requested, the last the terminal word, every entry closed."""
    history = deployment["rolloutHistory"]
    counts = Counter((entry["phase"], entry.get("wave")) for entry in history)
    assert max(counts.values()) == 1, counts
    assert history[0]["phase"] == "Requested"
    assert history[-1]["phase"] == deployment["status"], history
    assert all("endedAt" in entry for entry in history), history


def created_once(platform: Platform, part: str) -> Counter[str]:
    """(dependency, path) -> 201s of every write that holds `part`. Raises `AssertionError` for one that has two."""
    counts: Counter[str] = Counter()
    for dependency in ("arm", "kubernetes"):
        for row in platform.control.http.get("/traffic").json().get(dependency, []):
            if row["status"] == 201 and part.lower() in row["path"].lower():
                counts[f"{dependency} {row['method']} {row['path']}"] += row["count"]
    twice = {path: count for path, count in counts.items() if count > 1}
    assert not twice, twice
    return counts


@contextlib.contextmanager
def observing(platform: Platform) -> Iterator[Observer]:
    """Takes every event of the platform while the block lasts."""
    observer = Observer(platform.endpoints["serviceBus"])
    try:
        yield observer
    finally:
        observer.close()
        with warnings.catch_warnings():  # what it forgot is collected here and not in somebody else's test
            warnings.filterwarnings("ignore", UNCLOSED, ResourceWarning)
            gc.collect()


def distinct(events: list[Delivered]) -> list[Delivered]:
    """As a consumer keeps them: the observer's own lock may run out while the broker is slow, and it gets one again."""
    return list({event.message_id: event for event in events}.values())


def whole(events: list[Delivered]) -> bool:
    """Whether their sequence has neither a gap nor a repetition."""
    return sorted(event.body["sequence"] for event in events) == list(range(1, len(events) + 1))


def gapless(observer: Observer, environment_id: str, last: str, **payload: Any) -> list[Delivered]:
    """An environment's distinct events once they are whole and one of type `last`, with that payload, has come."""

    def holds(events: list[Delivered]) -> bool:
        return whole(events) and types(events, **payload)[last] > 0

    return until(lambda: distinct(observer.of(environment_id)), holds, SOON)


def types(events: list[Delivered], **payload: Any) -> Counter[str]:
    """eventType -> how many, of those whose payload has these members."""
    return Counter(event.kind for event in events if payload.items() <= event.body["payload"].items())
