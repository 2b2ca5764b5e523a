"""What a remedy makes run, and what it goes back to where that does not get healthy: one service, one wave.

Wanted is the stable snapshot, at today's secrets and policies. Before is reality as the targets tell it now: a remedy that
fails its gate restores what ran, drift and all, and not what has just failed. What a target does not tell of it (how it is
probed) is taken from the snapshot; a secret that is no reference to a vault is not stored and cannot be brought back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.events.journal import Place
from shared.runtime.catalog.model import Placed, Snapshot
from shared.runtime.configurations.model import looks_like_a_secret
from shared.runtime.deployments.model import DriftCause
from shared.runtime.deployments.preparing import Preparing
from shared.runtime.environments.model import Environment
from shared.runtime.rollout.plan import Planned
from shared.targets.port import HealthProbe, Observation, SecretReference, Target, Workload

REFERENCE = re.compile(r"keyvault:(?P<vault>https://[^/]+)/secrets/(?P<name>[^/]+)/(?P<version>[^/]+)/?")
OPAQUE = "secret:"  # a secret that a target keeps itself


@dataclass(frozen=True)
class Found:
    """A service where it runs."""

    target: str
    observation: Observation


async def found(
    targets: Mapping[str, Target], environment: Environment, service_id: str, wanted: Placed | None
) -> list[Found]:
    """Wherever the service runs in the environment. Raises `Transient`, `Refused`."""
    names = {target.value for target in environment.compute_targets} & targets.keys()
    names |= {wanted.target} if wanted else set()
    told = {name: await targets[name].observe(environment.site) for name in sorted(names)}
    return [Found(name, seen[service_id]) for name, seen in told.items() if service_id in seen]


async def plan(
    preparing: Preparing,
    targets: Mapping[str, Target],
    place: Place,
    environment: Environment,
    cause: DriftCause,
    stable: Snapshot | None,
) -> list[Planned]:
    """Raises `Transient` when a target cannot be asked what runs."""
    standing = stable.services.get(cause.service_id) if stable else None
    wanted = await preparing.current(place, standing) if standing else None
    here = await found(targets, environment, cause.service_id, wanted)
    return planned(cause.service_id, wanted, here)


def planned(service_id: str, wanted: Placed | None, here: Sequence[Found]) -> list[Planned]:
    """What runs elsewhere than wanted goes; where it runs as it should already, that is all."""
    at_home = next((one for one in here if wanted and one.target == wanted.target), None)
    strange = [one for one in here if one.observation.serving and (wanted is None or one.target != wanted.target)]
    if strange:  # there is one plan row a service: a second stranger is the next finding's
        before = as_placed(strange[0], wanted)
        return [Planned(service_id=service_id, wave=0, wanted=None if at_home else wanted, before=before)]
    if wanted is None:
        return []
    return [Planned(service_id=service_id, wave=0, wanted=wanted, before=as_placed(at_home, wanted) if at_home else None)]


def as_placed(seen: Found, wanted: Placed | None) -> Placed | None:
    """Reality as something that can be applied again; None where nothing serves."""
    serving = seen.observation.serving
    if serving is None:
        return None
    own = wanted.workload if wanted and wanted.target == seen.target else None
    replicas = max(1, seen.observation.replicas)
    if own is not None and serving.name == own.revision:  # only its count or its bounds are others
        return Placed(target=seen.target, workload=own.model_copy(update={"replicas": replicas}))
    workload = Workload(
        service_id=seen.observation.service_id,
        image=serving.image,
        replicas=replicas,
        env=variables(seen.observation.env),
        health=wanted.workload.health if wanted else HealthProbe(),
        scaling=own.scaling if own else None,
        release=f"found-{serving.name}"[:64],
    )
    return Placed(target=seen.target, workload=workload)


def variables(env: Mapping[str, str]) -> dict[str, str | SecretReference]:
    """What was observed, as it may be stored and applied: secrets only by reference."""
    return {
        name: reference(value) or value
        for name, value in env.items()
        if not value.startswith(OPAQUE) and (reference(value) or not looks_like_a_secret(name, value))
    }


def reference(value: str) -> SecretReference | None:
    """An observed reference to a vault; None for what is none."""
    seen = REFERENCE.fullmatch(value)
    if seen is None:
        return None
    return SecretReference(vault_uri=seen["vault"], secret_name=seen["name"], version=seen["version"])
