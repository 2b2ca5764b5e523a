"""What the platform calls things on a target, and the marks by which it knows them again.

A service id (`[a-z0-9-]`, up to 64 characters) may be longer than a target's names, begin with a digit, end with a dash or
hold two in a row. Such a one is put right and carries a hash of the whole id, so that no two services meet in one name. The
id itself always stands beside it, in a tag or an annotation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from shared.kernel.canonical import sha256
from shared.kernel.errors import Superseded
from shared.targets.port import SecretReference, Site, Stamp, Workload, repository_of

_HASH = 6  # hex digits
_LABEL_VALUE: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_REVISION: Final = re.compile(r"r[0-9a-f]{10}")

# ARM tags
TENANT_TAG: Final = "cs-tenant-id"
PROJECT_TAG: Final = "cs-project-id"
ENVIRONMENT_TAG: Final = "cs-environment-id"
STAGE_TAG: Final = "cs-stage"
SERVICE_TAG: Final = "cs-service-id"
OPERATION_TAG: Final = "cs-operation-id"
ATTEMPT_TAG: Final = "cs-attempt"
STAMP_TAG: Final = "cs-stamp"
RELEASE_TAG: Final = "cs-release"
IMAGE_TAG: Final = "cs-image-"  # with the beginning of a digest: the image as it is shown, from its tag on
PROMOTED_TAG: Final = "cs-promoted"  # the revision that was last let serve alone

# Kubernetes labels and annotations
DOMAIN: Final = "cs.connectsoft.ai"
ENVIRONMENT_LABEL: Final = f"{DOMAIN}/environment-id"
SERVICE_LABEL: Final = f"{DOMAIN}/service-id"
REVISION_LABEL: Final = f"{DOMAIN}/revision"
NAME_LABEL: Final = "app.kubernetes.io/name"
SERVICE_ANNOTATION: Final = f"{DOMAIN}/service"  # the whole id; the label may hold a shortened one
TENANT_ANNOTATION: Final = f"{DOMAIN}/tenant-id"
OPERATION_ANNOTATION: Final = f"{DOMAIN}/operation-id"
ATTEMPT_ANNOTATION: Final = f"{DOMAIN}/attempt"
STAMP_ANNOTATION: Final = f"{DOMAIN}/stamp"
RELEASE_ANNOTATION: Final = f"{DOMAIN}/release"
IMAGE_ANNOTATION: Final = f"{DOMAIN}/image"  # the image as it is shown, behind its digest
CONTENT_ANNOTATION: Final = f"{DOMAIN}/content"  # a hash of what the containers run, as we applied it


def fitted(service_id: str, longest: int) -> str:
    """A DNS label (RFC 1035, no two dashes in a row) of at most `longest` characters, different for different ids."""
    plain = re.sub(r"-{2,}", "-", service_id).strip("-")
    if not plain[:1].isalpha():
        plain = f"s-{plain}".rstrip("-")
    if plain == service_id and len(plain) <= longest:
        return plain
    return f"{plain[: longest - _HASH - 1].rstrip('-')}-{sha256(service_id)[:_HASH]}"


def label(service_id: str) -> str:
    """The id as a Kubernetes label's value: itself, unless it is too long or ends with a dash."""
    return service_id if _LABEL_VALUE.fullmatch(service_id) else fitted(service_id, 63)


def is_revision(name: str) -> bool:
    """Whether it has the shape of `Workload.revision`."""
    return _REVISION.fullmatch(name) is not None


def secret_uri(reference: SecretReference) -> str:
    """The secret's identifier in Key Vault, version included."""
    return f"{reference.vault_uri.rstrip('/')}/secrets/{reference.secret_name}/{reference.version}"


def image_mark(workload: Workload) -> str:
    """What stands beside a deployed digest, so that it is shown by its tag again."""
    return f"{workload.digest}={workload.image}"


def shown_image(deployed: str, mark: str | None) -> str:
    """The image as we show it, where `mark` is of the very digest that is deployed; else as it is deployed."""
    digest, _, image = (mark or "").partition("=")
    return image if image and deployed == f"{repository_of(image)}@{digest}" else deployed


def image_tag(workload: Workload) -> dict[str, str]:
    """The same as an ARM tag, which has less room: the name holds 16 digits of the digest, the value is what follows the
    repository."""
    if workload.digest is None:
        return {}
    return {f"{IMAGE_TAG}{short(workload.digest)}": workload.image.removeprefix(repository_of(workload.image))}


def tagged_image(deployed: str, tags: Mapping[str, str]) -> str:
    repository, _, digest = deployed.partition("@")
    rest = tags.get(f"{IMAGE_TAG}{short(digest)}") if digest else None
    return f"{repository}{rest}" if rest else deployed


def short(digest: str) -> str:
    """The beginning of a digest, enough to tell the images of one app apart."""
    return digest.partition(":")[2][:16]


def tags(site: Site, stamp: Stamp, service_id: str) -> dict[str, str]:
    return {
        TENANT_TAG: site.tenant_id,
        PROJECT_TAG: site.project_id,
        ENVIRONMENT_TAG: site.environment_id,
        STAGE_TAG: site.stage,
        SERVICE_TAG: service_id,
        OPERATION_TAG: stamp.operation_id,
        ATTEMPT_TAG: str(stamp.attempt),
        STAMP_TAG: stamp.text,
    }


def fence(stamp: Stamp, standing: str | None) -> None:
    """Raises `Superseded` when what stands is of a newer change than the one that is about to be made."""
    if stamp.older_than(standing):
        raise Superseded(stamp.operation_id, stamp.attempt)
