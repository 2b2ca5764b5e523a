"""What a release or a rollback is about to do, as a dry run says it: (action, resource, detail), pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from shared.runtime.catalog.model import Placed
from shared.runtime.deployments import waves
from shared.runtime.deployments.model import Component, Deployment, Strategy
from shared.runtime.rollout.gate import GatePolicy

Effect = tuple[str, str, str]


def release_effects(standing: Mapping[str, Placed], deployment: Deployment) -> Iterator[Effect]:
    """Service by service in the order they roll, and the gate after each wave."""
    at_once = deployment.strategy is Strategy.ALL_AT_ONCE
    order = dict.fromkeys((one.module_id for one in deployment.components), 0)
    if not at_once and not waves.faults(deployment.components, ordered=True):
        order = waves.ordered(deployment.components)
    rolling = sorted(deployment.components, key=lambda one: (order[one.module_id], one.module_id))
    for wave, components in groupby(rolling, key=lambda one: order[one.module_id]):
        for one in components:
            before = standing.get(one.module_id)
            came = f"{before.workload.image} → " if before else ""
            yield "replace" if before else "create", f"services/{one.module_id}", f"{came}{one.image} on {one.target}"
        yield _gate(wave, deployment.gate)


def rollback_effects(standing: Mapping[str, Placed], restored: Mapping[str, Placed], gate: GatePolicy) -> Iterator[Effect]:
    """The difference between now and then, one wave, and its gate."""
    for service_id in sorted({*standing, *restored}):
        before, wanted = standing.get(service_id), restored.get(service_id)
        if wanted is None and before is not None:
            yield "remove", f"services/{service_id}", f"{before.workload.image} on {before.target}"
        elif wanted is not None and before != wanted:
            came = f"{before.workload.image} → " if before else ""
            action = "replace" if before else "create"
            yield action, f"services/{service_id}", f"{came}{wanted.workload.image} on {wanted.target}"
    yield _gate(0, gate)


def rotation_effects(components: Sequence[Component], gate: GatePolicy, told: Mapping[str, str]) -> Iterator[Effect]:
    """Consumer by consumer in the order they roll, and the gate after each wave. `told`: what changes for each."""
    order = waves.ordered(components)
    for wave, rolling in groupby(sorted(order, key=lambda one: (order[one], one)), key=lambda one: order[one]):
        for service_id in rolling:
            yield "replace", f"services/{service_id}", told[service_id]
        yield _gate(wave, gate)


def remedy_effects(service_id: str, wanted: Placed | None, gate: GatePolicy) -> Iterator[Effect]:
    """What is wanted is applied once more, whatever runs there now; what is not wanted goes."""
    if wanted is None:
        yield "remove", f"services/{service_id}", "it is not wanted"
    else:
        yield "replace", f"services/{service_id}", f"{wanted.workload.image} on {wanted.target}, again"
    yield _gate(0, gate)


def _gate(wave: int, gate: GatePolicy) -> Effect:
    lasting = f"healthy for {gate.stable_seconds} s within {gate.retry_timeout_seconds} s, else {gate.on_failure}"
    return "gate", f"waves/{wave}", lasting
