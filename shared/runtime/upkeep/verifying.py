"""Whether targets still keep the scaling policies that they once took: looked at each minute, by itself.

Where one does not, the policy says `Pending` from then on, which is the truth, and its enforcement begins anew when its
cooldown is over (`scaling.enforcement`). Where everything is as wanted nothing is written. What could not be asked is left
alone, and so are what an operation may be changing and a mismatch that a person accepted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from shared.events.journal import PLATFORM_CLIENT, Cause, Journal, Place, Transaction
from shared.kernel.errors import Refused, Transient
from shared.kernel.metrics import SCALING_REPLICAS, record
from shared.kernel.trace import trace_id_of
from shared.runtime.drift.model import MOST, PREFIX, Finding, FindingKind, FindingStatus
from shared.runtime.environments.isolation import Isolation
from shared.runtime.environments.sweeping import provisioned, visit_shard
from shared.runtime.scaling.enforcement import SUBJECT
from shared.runtime.scaling.model import Enforcement, ScalingPolicy, keeps
from shared.runtime.scaling.reading import Policies
from shared.store.port import Conflict
from shared.store.reading import read_all
from shared.targets.port import Observation, Site, Target

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verifying:
    isolation: Isolation
    policies: Policies
    journal: Journal
    targets: Mapping[str, Target]


async def verify_shard(deps: Verifying, shard: int) -> None:
    """Verify every environment of a shard. Raises `Transient` when the shard's list cannot be read."""
    await visit_shard(deps.journal.store, shard, lambda place: verify_environment(deps, place))


async def verify_environment(deps: Verifying, place: Place) -> None:
    """Key: the policies' rows. Raises `Transient` when the store cannot be asked, `Unreadable`."""
    admitted = await provisioned(deps.isolation, place)
    if admitted is None or admitted.slot.operation_id is not None:
        return
    taken = [policy for policy in await deps.policies.of(admitted.place) if policy.enforcement is not Enforcement.PENDING]
    if not taken:
        return
    names = sorted({policy.target.value for policy in taken})
    told = await asyncio.gather(*[_told(deps, admitted.environment.site, name) for name in names])
    seen = dict(zip(names, told, strict=True))
    for policy in taken:
        if (found := seen[policy.target.value].get(policy.service_id)) is not None:
            about = {"environment": admitted.environment.environment_id, "service": policy.service_id}
            record(SCALING_REPLICAS, found.replicas, **about)
    lost = [policy for policy in taken if _is_lost(policy, seen[policy.target.value].get(policy.service_id))]
    if lost:
        accepted = await _accepted(deps, admitted.place)
        for policy in lost:
            if policy.service_id not in accepted:
                await _say_so(deps, admitted.place, policy)


async def _told(deps: Verifying, site: Site, target: str) -> Mapping[str, Observation]:
    """Nothing of a target that cannot be asked."""
    try:
        return await deps.targets[target].observe(site)
    except (Transient, Refused) as error:
        log.warning("scaling of %s on %s is not verified: %r", site.environment_id, target, error)
        return {}


def _is_lost(policy: ScalingPolicy, observation: Observation | None) -> bool:
    """A service that is not there has lost nothing: that is for drift to tell."""
    return observation is not None and keeps(policy, observation) is False


async def _accepted(deps: Verifying, place: Place) -> set[str]:
    """The services of which a person accepted that they are scaled otherwise."""
    rows = await deps.journal.store.list(place.partition, PREFIX, limit=MOST)
    return {
        finding.service_id or ""
        for finding in read_all(Finding, place.partition, rows)
        if finding.kind is FindingKind.SCALING_POLICY_MISMATCH and finding.status is FindingStatus.ACCEPTED_UNTIL
    }


async def _say_so(deps: Verifying, place: Place, policy: ScalingPolicy) -> None:
    row = await deps.journal.store.get(place.partition, policy.scaling_policy_id)
    if row is None or row.document != policy.document():  # replaced since it was read: another look tells
        return
    summary = f"{policy.service_id}: {policy.target} no longer does what its policy wants"
    cause = Cause(SUBJECT, PLATFORM_CLIENT, trace_id_of(None), caused_by=policy.scaling_policy_id)
    tx = Transaction(place, cause, "scaling-policy.lost", policy.scaling_policy_id, summary)
    tx.replace(row, policy.model_copy(update={"enforcement": Enforcement.PENDING}))
    await deps.journal.active.mark(place)
    try:
        await deps.journal.commit(tx)
    except Conflict:
        log.info("policy %s was replaced while it was verified", policy.scaling_policy_id)
