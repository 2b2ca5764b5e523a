"""What a cluster answers, as the platform's observations. Pure: five lists in, one observation per deployment out.

A revision is a pod template, named by its label as long as its containers are those we applied (the annotation with their
hash says so); after an edit behind our back it goes by its replica set's name, so that it never passes for ours. The
deployment's current template serves: it is what is wanted to, and a rollout that is stuck is told by `settled`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.targets import aks_scaling as scaling
from shared.targets import aks_secrets, naming
from shared.targets.aks_holding import holders
from shared.targets.aks_objects import REFERENCE_PREFIX, content
from shared.targets.port import Observation, ObservedReplica, ObservedRevision

Json = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """Everything of ours in one namespace."""

    deployments: Sequence[Json]
    replica_sets: Sequence[Json]
    pods: Sequence[Json]
    autoscalers: Sequence[Json]
    config_maps: Sequence[Json]
    secret_classes: Sequence[Json] = ()


def observations(listing: Listing, observed_at: datetime) -> dict[str, Observation]:
    """By service id."""
    sets, pods = defaultdict(list), defaultdict(list)
    for one in listing.replica_sets:
        sets[_owner(one, "Deployment")].append(one)
    for one in listing.pods:
        if not one["metadata"].get("deletionTimestamp"):
            pods[_owner(one, "ReplicaSet")].append(one)
    scaled = {one.get("spec", {}).get("scaleTargetRef", {}).get("name"): one for one in listing.autoscalers}
    maps = {one["metadata"]["name"]: one for one in listing.config_maps}
    settings = {name: one.get("data") or {} for name, one in maps.items()}
    classes = {one["metadata"]["name"]: one for one in listing.secret_classes}
    found = {}
    for deployment in listing.deployments:
        name = deployment["metadata"]["name"]
        template = deployment["spec"]["template"]
        seen = Observation(
            service_id=_annotation(deployment, naming.SERVICE_ANNOTATION) or name,
            observed_at=observed_at,
            replicas=int(deployment["spec"].get("replicas", 1)),
            autoscaled=name in scaled,
            bounds=scaling.observed(scaled.get(name)),
            env=_env(template, settings, aks_secrets.files(template, classes)),
            revisions=_revisions(deployment, sets[name], pods),
            stamp=_annotation(deployment, naming.STAMP_ANNOTATION),
            holders=holders(deployment, [maps[one] for one in _sources(template) if one in maps]),
        )
        found[seen.service_id] = seen
    return found


def _revisions(deployment: Json, sets: Sequence[Json], pods: Mapping[str, Sequence[Json]]) -> list[ObservedRevision]:
    current = _current(deployment, sets)
    groups: dict[str, list[Json]] = defaultdict(list)
    for one in sorted(sets, key=_age):
        if one is current or pods[one["metadata"]["name"]] or one["spec"].get("replicas"):
            groups[_name(one)].append(one)
    if current is None:  # the controller has not seen the deployment yet
        shell = {"metadata": {"name": deployment["metadata"]["name"]}, "spec": {"template": deployment["spec"]["template"]}}
        return [*(_revision(name, group, pods) for name, group in groups.items()), _serving(deployment, shell, [])]
    observed = []
    for name, group in groups.items():
        if current in group:
            running = [pod for one in group for pod in pods[one["metadata"]["name"]]]
            observed.append(_serving(deployment, current, running))
        else:
            observed.append(_revision(name, group, pods))
    return observed


def _serving(deployment: Json, current: Json, pods: Sequence[Json]) -> ObservedRevision:
    settled = _rolled_out(deployment)
    return ObservedRevision(
        name=_name(current),
        image=_image(current, pods),
        replicas=[_replica(pod) for pod in pods],
        addresses=_addresses(pods),
        serving=True,
        settled=settled,
        reason=None if settled else _reason(deployment, pods),
    )


def _revision(name: str, group: Sequence[Json], pods: Mapping[str, Sequence[Json]]) -> ObservedRevision:
    """One that a rollout is replacing; settled once it has as many pods as it is left with."""
    running = [pod for one in group for pod in pods[one["metadata"]["name"]]]
    wanted = sum(int(one["spec"].get("replicas", 1)) for one in group)
    return ObservedRevision(
        name=name,
        image=_image(group[-1], running),
        replicas=[_replica(pod) for pod in running],
        addresses=_addresses(running),
        serving=False,
        settled=wanted == len(running),
        reason=None if wanted == len(running) else "Replaced",
    )


def _current(deployment: Json, sets: Sequence[Json]) -> Json | None:
    """The replica set of the deployment's template, as the controller finds it: by the template, the newest of several."""
    wanted = _identity(deployment["spec"]["template"])
    same = [one for one in sets if _identity(one["spec"].get("template") or {}) == wanted]
    return max(same, key=_age, default=None)


def _identity(template: Mapping[str, Any]) -> tuple[Any, ...]:
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != "pod-template-hash"}
    return labels, metadata.get("annotations") or {}, content(dict(template))


def _rolled_out(deployment: Json) -> bool:
    """The rule of `kubectl rollout status`, and that all of it is ready."""
    status, wanted = deployment.get("status") or {}, int(deployment["spec"].get("replicas", 1))
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
        and status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
        and status.get("readyReplicas", 0) == wanted
    )


def _reason(deployment: Json, pods: Sequence[Json]) -> str:
    conditions = (deployment.get("status") or {}).get("conditions") or []
    for row in conditions:
        if row.get("type") == "Progressing" and row.get("status") == "False":
            return str(row.get("reason"))
    for pod in pods:
        for row in (pod.get("status") or {}).get("containerStatuses") or []:
            if waiting := (row.get("state") or {}).get("waiting"):
                return str(waiting.get("reason"))
    return "Progressing"


def _name(replica_set: Json) -> str:
    template = replica_set["spec"].get("template") or {}
    metadata = template.get("metadata") or {}
    label = (metadata.get("labels") or {}).get(naming.REVISION_LABEL, "")
    applied = (metadata.get("annotations") or {}).get(naming.CONTENT_ANNOTATION)
    ours = naming.is_revision(label) and applied == content(template)
    return str(label if ours else replica_set["metadata"]["name"])


def _image(replica_set: Json, pods: Sequence[Json]) -> str:
    """The template's image, or that of a pod that was changed by itself; a digest of ours by the tag it had."""
    template = replica_set["spec"].get("template") or {}
    wanted = _first_container(template).get("image") or ""
    running = [_first_container(pod).get("image") for pod in pods]
    deployed = str(next((image for image in running if image and image != wanted), wanted))
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    return naming.shown_image(deployed, annotations.get(naming.IMAGE_ANNOTATION))


def _replica(pod: Json) -> ObservedReplica:
    conditions = (pod.get("status") or {}).get("conditions") or []
    ready = any(row.get("type") == "Ready" and row.get("status") == "True" for row in conditions)
    return ObservedReplica(name=pod["metadata"]["name"], ready=ready)


def _addresses(pods: Sequence[Json]) -> list[str]:
    """Pods that run can be asked, whether they are ready or not: why they are not is what the asking is for."""
    found = []
    for pod in pods:
        status = pod.get("status") or {}
        ports = _first_container(pod).get("ports") or []
        if status.get("podIP") and status.get("phase") == "Running" and ports:
            host = f"[{status['podIP']}]" if ":" in status["podIP"] else status["podIP"]
            found.append(f"http://{host}:{ports[0]['containerPort']}")
    return found


def _env(template: Json, settings: Mapping[str, Mapping[str, str]], files: Mapping[str, str]) -> dict[str, str]:
    """As the process sees it: ConfigMaps first, variables of the container over them."""
    container = _first_container(template)
    env: dict[str, str] = {}
    for name in _sources(template):
        env |= settings.get(name, {})
    env |= {row["name"]: str(row.get("value") or "") for row in container.get("env") or []}
    return {name: files.get(value) or _value(value) for name, value in env.items()}


def _sources(template: Json) -> list[str]:
    """Names of the ConfigMaps that the container takes its variables from."""
    sources = _first_container(template).get("envFrom") or []
    return [(source.get("configMapRef") or {}).get("name", "") for source in sources]


def _value(value: str) -> str:
    if value.startswith(REFERENCE_PREFIX):
        return f"keyvault:{value.removeprefix(REFERENCE_PREFIX).removesuffix(')')}"
    return value


def _first_container(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    containers = (holder.get("spec") or {}).get("containers") or [{}]
    return dict(containers[0])


def _owner(thing: Json, kind: str) -> str:
    """The name of what controls it; "" for what nobody does."""
    owners = thing["metadata"].get("ownerReferences") or []
    return next((str(one["name"]) for one in owners if one.get("kind") == kind), "")


def _annotation(thing: Json, name: str) -> str | None:
    value = (thing["metadata"].get("annotations") or {}).get(name)
    return None if value is None else str(value)


def _age(thing: Json) -> str:
    return str(thing["metadata"].get("creationTimestamp") or "")
