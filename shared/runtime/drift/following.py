"""What follows an adoption beside the snapshot: whoever else says how a service is to be says the same from now on.

A policy asks for the bounds that its target honours already, a binding for the secret versions that its consumers use:
there is nothing left to enforce or to rotate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.events.journal import Place, Transaction
from shared.runtime.catalog.model import Placed
from shared.runtime.configurations.model import SecretRef
from shared.runtime.configurations.reading import Configurations
from shared.runtime.drift.adoption import NOTHING, Reality, refused
from shared.runtime.scaling.model import Enforcement, Metric, ScalingPolicy
from shared.runtime.scaling.reading import MOST, PREFIX
from shared.runtime.secrets.model import SecretBinding
from shared.store.port import Row, Store
from shared.store.reading import read, read_all
from shared.targets.port import ObservedBounds, Scaling, SecretReference


@dataclass(frozen=True)
class Followers:
    store: Store
    configurations: Configurations

    async def bounds(self, place: Place, tx: Transaction, reality: Reality) -> Placed:
        """Add the changed policy to `tx`; the service with its bounds. Raises `Refused`."""
        wanted, observation, _ = reality.at_home()
        rows = {row.key: row for row in await self.store.list(place.partition, PREFIX, limit=MOST)}
        policy, row = _policy(place, rows, reality.service_id, wanted.target)
        found = observation.bounds
        if found is None:
            raise refused("NoAutoscaler", "nothing scales the service: a policy cannot be wanted away")
        bounds = _found(policy.requested, found)
        if bounds == policy.requested:
            raise refused(NOTHING, "what runs is what is wanted")
        settled = {"enforcement": Enforcement.ENFORCED, "version": policy.version + 1}
        tx.replace(row, policy.model_copy(update={"requested": bounds, "effective": bounds, **settled}))
        return reality.taken(wanted, {"scaling": bounds})

    async def bindings(self, place: Place, tx: Transaction, wanted: Placed, placed: Placed) -> None:
        """Add the changed bindings to `tx`. Raises `Refused` where a secret is not bound any more."""
        changed = await self._versions(place, wanted, placed)
        rows = await self.store.gather(place.partition, sorted(changed))
        for ident, versions in changed.items():
            if ident not in rows:
                raise refused("NotBound", "a secret of the service is not bound any more")
            binding = read(SecretBinding, place.partition, rows[ident])
            secrets = [one.model_copy(update={"version": versions.get(one.name, one.version)}) for one in binding.secrets]
            tx.replace(rows[ident], binding.model_copy(update={"secrets": secrets}))

    async def _versions(self, place: Place, wanted: Placed, placed: Placed) -> Mapping[str, dict[str, str]]:
        """By binding, the secrets of it whose version changes."""
        configuration = await self.configurations.find(place, wanted.configuration_id or "")
        values = configuration.values if configuration else {}
        changed: dict[str, dict[str, str]] = {}
        for key, value in placed.workload.env.items():
            if not isinstance(value, SecretReference) or value == wanted.workload.env.get(key):
                continue
            named = values.get(key)
            if not isinstance(named, SecretRef):
                raise refused("NotBound", f"{key} is not bound in this environment")
            changed.setdefault(named.binding_id, {})[named.name] = value.version
        return changed


def _found(requested: Scaling, found: ObservedBounds) -> Scaling:
    """The policy that would ask for what was found. Raises `Refused` where none could say what it goes by."""
    measures = [requested.measure] if found.measures is None else found.measures
    if len(measures) != 1 or measures[0].metric not in set(Metric) or not 1 <= (measures[0].percent or 0) <= 100:
        raise refused("NoSuchMeasure", "what it scales by is nothing that a policy can say")
    return Scaling.model_validate(
        {
            "metric": measures[0].metric,
            "min_replicas": found.min_replicas,
            "max_replicas": found.max_replicas,
            "target_utilization_percent": measures[0].percent,
            "scale_to_zero": found.min_replicas == 0,
        }
    )


def _policy(place: Place, rows: Mapping[str, Row], service_id: str, target: str) -> tuple[ScalingPolicy, Row]:
    for policy in read_all(ScalingPolicy, place.partition, rows.values()):
        if (policy.service_id, policy.target) == (service_id, target):
            return policy, rows[policy.scaling_policy_id]
    raise refused("NoPolicy", "no policy says by what measure it is to scale: apply one")
