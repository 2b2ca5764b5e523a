"""Which of a tenant's environments a list is about: filters on the list row alone, so that none is opened for it.

No filter has an index: rows that are not wanted are read over, `MOST` a request. Where that is not enough for a full page,
the page is shorter, or empty, and says where to go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.access.binding import BindingStatus
from shared.runtime.environments.index import LISTED, ListedEnvironment
from shared.runtime.environments.model import EnvironmentStatus, Stage
from shared.store import keys
from shared.store.newest import filled
from shared.store.port import Store
from shared.store.reading import read_all

MOST = 2000  # rows read for one page
RANGE = 500  # rows of a range read when something is looked for
EVER = datetime(1970, 1, 1, tzinfo=UTC)
BOUND = frozenset({None, BindingStatus.ACTIVE})
URGENT = frozenset({"Critical", "High"})


@dataclass(frozen=True)
class Wanted:
    """What of the list is wanted; all of it unless said otherwise. `q`: how the name begins."""

    stage: Stage | None = None
    status: EnvironmentStatus | None = None
    project_id: str | None = None
    q: str = ""
    attention: bool | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Wanted:
        return cls(
            values.get("stage"),
            values.get("status"),
            values.get("projectId"),
            values.get("q", ""),
            values.get("attention"),
        )

    @property
    def everything(self) -> bool:
        return self == Wanted()

    def wants(self, listed: ListedEnvironment) -> bool:
        environment = listed.environment
        return (
            self.stage in (None, environment.stage)
            and self.status in (None, environment.status)
            and self.project_id in (None, environment.project_id)
            and environment.name.startswith(self.q)
            and self.attention in (None, needs_attention(listed))
        )


def needs_attention(listed: ListedEnvironment) -> bool:
    """Whether a person should look, by what the list row knows. What is gone asks for nothing."""
    environment, summary = listed.environment, listed.summary
    if environment.status is EnvironmentStatus.DECOMMISSIONED:
        return False
    return (
        environment.hold is not None
        or environment.status is EnvironmentStatus.FAILED
        or summary.operation_waits
        or (environment.status is not EnvironmentStatus.PROVISIONING and summary.binding_status not in BOUND)
        or summary.unhealthy > 0
        or summary.stale > 0
        or summary.highest_severity in URGENT
    )


async def page(
    store: Store, tenant_id: str, wanted: Wanted, limit: int, after: str, *, oldest: datetime = EVER
) -> tuple[list[ListedEnvironment], str | None]:
    """Up to `limit` wanted environments, newest first, after the key `after`; where the next page begins, None on the last.

    What a health sweep looked at before `oldest` is stale: sweeps that stopped make nothing look well.
    Without a filter every row is wanted: one range, with one row more than the page, holds it.
    """
    partition, prefix = keys.tenant_partition(tenant_id), keys.list_prefix(LISTED)

    async def reach(after: str, size: int) -> list[tuple[str, ListedEnvironment | None]]:
        rows = await store.list(partition, prefix, limit=size, after=after)
        listed = {row.key: _aged(one, oldest) for row in rows for one in read_all(ListedEnvironment, partition, [row])}
        return [(row.key, one if (one := listed.get(row.key)) and wanted.wants(one) else None) for row in rows]

    ranges = limit + 1 if wanted.everything else RANGE
    return await filled(reach, limit=limit, ranges=ranges, most=MOST, after=after)


def _aged(listed: ListedEnvironment, oldest: datetime) -> ListedEnvironment:
    return listed.model_copy(update={"summary": listed.summary.aged(oldest)})
