"""One secret: its versions, how Key Vault writes them, and what it accepts from a request.

Sizes and counts are those of "About Azure Key Vault secrets". What is refused is raised as `Refusal`, which carries Key
Vault's own status and code.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

HOST_SUFFIX = ".vault.azure.net"
MAX_VALUE_BYTES = 25 * 1024  # "About Azure Key Vault secrets"
RECOVERABLE_DAYS = 90
_SECRET_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")


class Refusal(Exception):
    """`inner` is the more precise code some errors carry (`innererror`)."""

    def __init__(self, status: int, code: str, message: str, inner: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.inner = status, code, message, inner


@dataclass(frozen=True)
class Version:
    """One value of a secret. Times are whole seconds since 1970, as on the wire."""

    id: str
    value: str
    attributes: Mapping[str, Any]
    content_type: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Secret:
    """`versions` from the first to the newest; `deleted` is when, or None."""

    vault: str
    name: str
    versions: list[Version]
    deleted: int | None = None

    @property
    def url(self) -> str:
        return f"https://{self.vault}{HOST_SUFFIX}/secrets/{self.name}"

    def version(self, version_id: str) -> Version:
        """One version; the newest for an empty id. Raises `Refusal`."""
        if not version_id:
            return self.versions[-1]
        for version in self.versions:
            if version.id == version_id.lower():
                return version
        raise not_found(f"{self.name}/{version_id}")


def new_version(name: str, body: Mapping[str, Any]) -> Version:
    """The version a PUT makes. Raises `Refusal`."""
    value = body.get("value")
    if not _SECRET_NAME.fullmatch(name):
        raise bad_parameter(f"The request URI contains an invalid name: {name}")
    if not isinstance(value, str):
        raise bad_parameter("Property value is required and must be a string.")
    if len(value.encode()) > MAX_VALUE_BYTES:
        raise bad_parameter(f"The value of a secret must be at most {MAX_VALUE_BYTES} bytes.")
    now = int(time.time())
    attributes = {"enabled": True, **_attributes(body), "created": now, "updated": now}
    return Version(uuid.uuid4().hex, value, attributes, _content_type(body), _tags(body) or {})


def changed(version: Version, body: Mapping[str, Any]) -> Version:
    """The version as a PATCH leaves it. Raises `Refusal`."""
    tags = _tags(body)
    return replace(
        version,
        attributes={**version.attributes, **_attributes(body), "updated": int(time.time())},
        content_type=_content_type(body) or version.content_type,
        tags=version.tags if tags is None else tags,
    )


def not_found(name: str) -> Refusal:
    message = (
        f"A secret with (name/id) {name} was not found in this key vault. "
        "If you recently deleted this secret you may be able to recover it using the correct recovery command."
    )
    return Refusal(404, "SecretNotFound", message)


def bad_parameter(message: str) -> Refusal:
    return Refusal(400, "BadParameter", message)


def _attributes(body: Mapping[str, Any]) -> dict[str, Any]:
    given = body.get("attributes") or {}
    if not isinstance(given, dict) or not isinstance(given.get("enabled", True), bool | None):
        raise bad_parameter("Property attributes has an invalid value.")
    if not all(isinstance(given.get(name), int | None) for name in ("exp", "nbf")):
        raise bad_parameter("Property exp and nbf must be seconds since 1970.")
    return {name: given[name] for name in ("enabled", "exp", "nbf") if given.get(name) is not None}


def _content_type(body: Mapping[str, Any]) -> str | None:
    content_type = body.get("contentType")
    if not isinstance(content_type, str | None) or len(content_type or "") > 255:
        raise bad_parameter("Property contentType must be a string of at most 255 characters.")
    return content_type


def _tags(body: Mapping[str, Any]) -> dict[str, str] | None:
    tags = body.get("tags")
    if tags is None:
        return None
    if not isinstance(tags, dict) or len(tags) > 15 or not all(isinstance(value, str) for value in tags.values()):
        raise bad_parameter("Property tags must be at most 15 strings.")
    return tags


def bundle(secret: Secret, version: Version, *, value: bool = True, versioned: bool = True) -> dict[str, Any]:
    """A version as Key Vault writes it; `versioned` says whether its id names the version."""
    document: dict[str, Any] = {"value": version.value} if value else {}
    if version.content_type is not None:
        document["contentType"] = version.content_type
    recovery = {"recoveryLevel": "Recoverable+Purgeable", "recoverableDays": RECOVERABLE_DAYS}
    return {
        **document,
        "id": f"{secret.url}/{version.id}" if versioned else secret.url,
        "attributes": {**version.attributes, **recovery},
        "tags": dict(version.tags),
    }
