"""What is wanted once reality has been adopted, kind by kind: pure.

Only the field that the finding is about is taken over; another that differs stays a finding of its own. What may not be
wanted is refused: an image that no release could name, a secret that is no reference to a vault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.kernel.errors import Refused
from shared.runtime.catalog.model import Placed
from shared.runtime.configurations.model import looks_like_a_secret
from shared.runtime.deployments.model import Image, registry_of
from shared.runtime.deployments.remedying import OPAQUE, Found, as_placed, reference, variables
from shared.runtime.drift.model import FindingKind
from shared.targets.port import Observation, ObservedRevision, SecretReference

IMAGE: TypeAdapter[str] = TypeAdapter(Image)
NOTHING = "NothingToAdopt"
NAMED = 5  # variables in a message


@dataclass(frozen=True)
class Reality:
    """A service as it is wanted and wherever it was found; `deployment_id`: whose adoption it is."""

    service_id: str
    wanted: Placed | None
    here: Sequence[Found]
    deployment_id: str
    registries: frozenset[str]

    def at_home(self) -> tuple[Placed, Observation, ObservedRevision]:
        """Raises `Refused` where it is not wanted, or nothing of it serves there."""
        for one in self.here:
            serving = one.observation.serving
            if self.wanted is not None and serving is not None and one.target == self.wanted.target:
                return self.wanted, one.observation, serving
        raise refused(NOTHING, "the service does not run where it is wanted")

    def taken(self, wanted: Placed, field: Mapping[str, Any]) -> Placed:
        """What is wanted with `field` as it was found. Raises `Refused` where that is no change."""
        workload = wanted.workload.model_copy(update=dict(field))
        if workload == wanted.workload:
            raise refused(NOTHING, "what runs is what is wanted")
        own = workload.model_copy(update={"release": self.deployment_id})
        return wanted.model_copy(update={"workload": own})


def adopted(kind: FindingKind, reality: Reality) -> Placed | None:
    """The service as it is wanted from now on; None: not at all. Raises `Refused`."""
    return _RULES[kind](reality)


def _image(reality: Reality) -> Placed:
    wanted, _, serving = reality.at_home()
    return reality.taken(wanted, {"image": _allowed(serving.image, reality.registries), "digest": None})


def _replicas(reality: Reality) -> Placed:
    wanted, observation, _ = reality.at_home()
    if observation.replicas < 1:
        raise refused("NoReplicas", "a service of no replica at all could never show that it is healthy")
    return reality.taken(wanted, {"replicas": observation.replicas})


def _configuration(reality: Reality) -> Placed:
    wanted, observation, _ = reality.at_home()
    kept = {name: value for name, value in wanted.workload.env.items() if isinstance(value, SecretReference)}
    found = {name: value for name, value in observation.env.items() if name not in kept}
    _require_no_secret(found)
    return reality.taken(wanted, {"env": {**variables(found), **kept}})


def _secrets(reality: Reality) -> Placed:
    wanted, observation, _ = reality.at_home()
    env = dict(wanted.workload.env)
    for name, value in wanted.workload.env.items():
        if isinstance(value, SecretReference):
            env[name] = _version(name, value, observation.env.get(name, ""))
    return reality.taken(wanted, {"env": env})


def _version(name: str, wanted: SecretReference, found: str) -> SecretReference:
    seen = reference(found)
    same = seen is not None and seen.vault_uri.lower() == wanted.vault_uri.rstrip("/").lower()
    if seen is None or not same or seen.secret_name != wanted.secret_name:
        raise refused("AnotherSecret", f"{name} is not a version of the secret that it is bound to")
    return wanted.model_copy(update={"version": seen.version})


def _missing(reality: Reality) -> None:
    if any(reality.wanted is not None and one.target == reality.wanted.target for one in reality.here):
        raise refused(NOTHING, "the service is there again")


def _unexpected(reality: Reality) -> Placed:
    for one in reality.here:
        placed, serving = as_placed(one, reality.wanted), one.observation.serving
        if placed is None or serving is None or (reality.wanted is not None and one.target == reality.wanted.target):
            continue
        _require_no_secret(one.observation.env)
        _allowed(placed.workload.image, reality.registries)
        workload = placed.workload.model_copy(update={"release": reality.deployment_id})
        return placed.model_copy(update={"workload": workload})
    raise refused(NOTHING, "nothing runs that is not wanted")


_RULES: Mapping[FindingKind, Callable[[Reality], Placed | None]] = {
    FindingKind.IMAGE_VERSION_MISMATCH: _image,
    FindingKind.REPLICA_COUNT_MISMATCH: _replicas,
    FindingKind.CONFIGURATION_MISMATCH: _configuration,
    FindingKind.SECRET_VERSION_MISMATCH: _secrets,
    FindingKind.MISSING_SERVICE: _missing,
    FindingKind.UNEXPECTED_SERVICE: _unexpected,
}


def _allowed(image: str, registries: frozenset[str]) -> str:
    try:
        IMAGE.validate_python(image)
    except ValidationError:
        raise refused("ImageNotAllowed", "no release could name the image that runs") from None
    if registry_of(image) not in registries:
        raise refused("ImageNotAllowed", "its registry is not in the platform's allow-list")
    return image


def _require_no_secret(env: Mapping[str, str]) -> None:
    """Names the variables, never what is in them."""
    wrong = [
        name
        for name, value in sorted(env.items())
        if value.startswith(OPAQUE) or (reference(value) is None and looks_like_a_secret(name, value))
    ]
    if wrong:
        raise refused("SecretLikeValue", f"{', '.join(wrong[:NAMED])}: a secret is wanted by reference only")


def refused(code: str, message: str) -> Refused:
    return Refused("drift", code, message)
