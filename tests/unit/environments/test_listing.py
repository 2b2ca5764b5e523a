"""The list of a tenant's environments, by what its rows know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.access.binding import BindingStatus
from shared.runtime.environments import listing
from shared.runtime.environments.index import LISTED, ListedEnvironment, Summary
from shared.runtime.environments.listing import Wanted, needs_attention, page
from shared.runtime.environments.model import Environment, EnvironmentStatus, Hold, Stage
from shared.store import keys
from shared.store.memory import MemoryStore
from shared.store.port import Put

AT = datetime(2026, 3, 1, tzinfo=UTC)
TENANT = "acme"
HOLD = Hold(since=AT, deployment_id="dep-1", reason="gate")


def row(number: int = 0, summary: dict[str, Any] | None = None, **changes: Any) -> ListedEnvironment:
    environment = Environment.model_validate(
        {
            "tenant_id": TENANT,
            "project_id": "booking",
            "name": f"booking-{number}",
            "stage": Stage.DEV,
            "region": "westeurope",
            "isolation_model": "silo",
            "compute_targets": ("aks",),
            "environment_id": f"env-{number:016x}",
            "status": EnvironmentStatus.PROVISIONED,
            "pulumi_stack_ref": "x",
            "placement": {"subscription_id": "s", "resource_group": "g"},
            "created_at": AT.replace(minute=number % 60, hour=number // 60),
            "trace_id": "trace-1",
            **changes,
        }
    )
    return ListedEnvironment(environment=environment, summary=Summary(as_of=AT, **(summary or {})))


async def stored(*rows: ListedEnvironment) -> MemoryStore:
    store = MemoryStore()
    for one in rows:
        key = keys.listed(LISTED, one.environment.created_at, one.environment.environment_id)
        await store.commit(keys.tenant_partition(TENANT), one.environment.environment_id, [Put(key, one.document())])
    return store


async def names(store: MemoryStore, wanted: Wanted, limit: int = 50) -> list[str]:
    """Of all pages, read one after the other."""
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        listed, after = await page(store, TENANT, wanted, limit, after)
        assert len(listed) <= limit
        found += [one.environment.name for one in listed]
    return found


@pytest.mark.parametrize(
    ("one", "needs"),
    [
        (row(), False),
        (row(hold=HOLD), True),
        (row(status=EnvironmentStatus.FAILED), True),
        (row(status=EnvironmentStatus.DECOMMISSIONED, hold=HOLD), False),
        (row(summary={"unhealthy": 1}), True),
        (row(summary={"operation_waits": True}), True),
        (row(summary={"binding_status": BindingStatus.SUSPENDED}), True),
        (row(summary={"binding_status": BindingStatus.ACTIVE}), False),
        (row(summary={"binding_status": BindingStatus.PENDING}, status=EnvironmentStatus.PROVISIONING), False),
        (row(summary={"stale": 1}), True),
        (row(summary={"degraded": 3, "unknown": 2}), False),
        (row(summary={"highest_severity": "Critical"}), True),
        (row(summary={"highest_severity": "High"}), True),
        (row(summary={"highest_severity": "Medium", "open_findings": 9}), False),
    ],
)
def test_what_asks_for_a_person(one: ListedEnvironment, needs: bool) -> None:
    assert needs_attention(one) is needs


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), ["booking-3", "booking-2", "booking-1", "shop-0"]),
        (Wanted(stage=Stage.PROD), ["booking-2"]),
        (Wanted(status=EnvironmentStatus.FAILED), ["booking-1"]),
        (Wanted(project_id="shop"), ["shop-0"]),
        (Wanted(q="booking-"), ["booking-3", "booking-2", "booking-1"]),
        (Wanted(attention=True), ["booking-3", "booking-1"]),
        (Wanted(attention=False), ["booking-2", "shop-0"]),
        (Wanted(attention=True, status=EnvironmentStatus.FAILED), ["booking-1"]),
        (Wanted(q="nothing"), []),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_every_filter_gives_exactly_what_it_names(wanted: Wanted, expected: list[str], limit: int) -> None:
    rows = [
        row(0, name="shop-0", project_id="shop"),
        row(1, status=EnvironmentStatus.FAILED),
        row(2, stage=Stage.PROD),
        row(3, hold=HOLD),
    ]
    assert await names(await stored(*rows), wanted, limit) == expected


async def test_a_request_reads_a_bounded_number_of_rows_and_says_where_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "RANGE", 4)
    monkeypatch.setattr(listing, "MOST", 8)
    store = await stored(*[row(number, **({"hold": HOLD} if number in (0, 19) else {})) for number in range(20)])
    found, after = await page(store, TENANT, Wanted(attention=True), 50, "")
    assert [one.environment.name for one in found] == ["booking-19"]
    assert after is not None
    assert await names(store, Wanted(attention=True)) == ["booking-19", "booking-0"]
