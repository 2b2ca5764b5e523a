"""The revision-scope part of a container app, as pure rules: what makes a new revision, what its process sees.

Sources: learn.microsoft.com, Container Apps "Revisions" and "Manage secrets"; codes from public issue threads.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from localazure.arm.errors import ArmError, invalid_template

NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
SUFFIX = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
LONGEST_REVISION = 54  # with the app's name and the dashes between
_LETTERS, _ALPHABET = "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz0123456789"


def drawn_suffix() -> str:
    """Seven characters, a letter first, as Azure draws them."""
    return secrets.choice(_LETTERS) + "".join(secrets.choice(_ALPHABET) for _ in range(6))


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two templates describe the same revision; the suffix is its name, not its content."""
    return _content(one) == _content(other)


def _content(template: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in template.items() if key != "revisionSuffix" and value is not None}


def replicas(template: Mapping[str, Any]) -> int:
    """How many replicas run while the revision is active. Azure starts one even where the minimum is 0."""
    scale = template.get("scale") or {}
    return max(1, int(scale.get("minReplicas") or 0))


def check(app: str, body: Mapping[str, Any]) -> None:
    """Raises `ArmError` 400 for an app that Container Apps would refuse."""
    check_name(app)
    properties = body.get("properties") or {}
    if not (properties.get("environmentId") or properties.get("managedEnvironmentId")):
        raise ArmError(400, "ManagedEnvironmentIdRequired", "The property 'environmentId' is required.")
    template = properties.get("template") or {}
    check_containers(template, (properties.get("configuration") or {}).get("secrets") or [])
    _check_scale(template.get("scale") or {})
    _check_suffix(app, template.get("revisionSuffix") or "")


def check_name(name: str) -> None:
    """Apps and jobs: lower case, digits, single dashes, at most 32 characters."""
    if not NAME.fullmatch(name) or "--" in name:
        raise ArmError(400, "ContainerAppInvalidName", f"Invalid name '{name}'.")


def _check_suffix(app: str, suffix: str) -> None:
    name = f"{app}--{suffix}"
    if suffix and (not SUFFIX.fullmatch(suffix) or "--" in suffix or len(name) > LONGEST_REVISION):
        message = (
            f"Revision name has an invalid value '{name}'. It must consist of lower case alphanumeric characters or '-',"
            " its suffix starts with a letter and ends with an alphanumeric character, and with the app's name it must not"
            f" be longer than {LONGEST_REVISION} characters."
        )
        raise ArmError(400, "ContainerAppInvalidRevisionName", message)


def _check_secrets(entries: list[Mapping[str, Any]]) -> set[str]:
    bad = [
        str(entry.get("name"))
        for entry in entries
        if not entry.get("name") or not ("value" in entry or (entry.get("keyVaultUrl") and entry.get("identity")))
    ]
    if bad:
        names = ", ".join(bad)
        message = f"Container app secret(s) with name(s) '{names}' are invalid: give a value or keyVaultUrl and identity."
        raise ArmError(400, "ContainerAppSecretInvalid", message)
    return {entry["name"] for entry in entries}


def check_containers(template: Mapping[str, Any], secret_entries: list[Mapping[str, Any]]) -> None:
    """Raises `ArmError` 400 for containers that lack what they need, or name secrets that are not there."""
    secret_names = _check_secrets(secret_entries)
    containers = template.get("containers") or []
    if not containers:
        raise invalid_template("template.containers", "at least one container is required")
    for container in containers:
        name = container.get("name")
        if not name or not container.get("image"):
            raise invalid_template(f"template.containers.{name}.image", "name and image are required")
        for variable in container.get("env") or []:
            wanted = variable.get("secretRef")
            if wanted and wanted not in secret_names:
                message = f"SecretRef '{wanted}' defined for container '{name}' not found."
                raise ArmError(400, "ContainerAppSecretRefNotFound", message)


def _check_scale(scale: Mapping[str, Any]) -> None:
    least, most = scale.get("minReplicas") or 0, scale.get("maxReplicas", 10)
    if least < 0 or most < 1 or least > most or most > 1000:
        raise invalid_template(
            "template.scale", f"minReplicas {least} and maxReplicas {most} are no range within 0 to 1000"
        )


def process_environment(container: Mapping[str, Any], entries: list[Mapping[str, Any]]) -> dict[str, str]:
    """The variables as the process sees them. A Key Vault reference stays a reference: nothing here reads the vault."""
    by_name = {entry["name"]: entry for entry in entries}
    return {
        variable["name"]: _secret(by_name.get(variable["secretRef"], {}))
        if variable.get("secretRef")
        else str(variable.get("value") or "")
        for variable in container.get("env") or []
    }


def _secret(entry: Mapping[str, Any]) -> str:
    """Empty for a secret that was removed after the revision was made."""
    return f"keyvaultref:{entry['keyVaultUrl']}" if entry.get("keyVaultUrl") else str(entry.get("value", ""))
