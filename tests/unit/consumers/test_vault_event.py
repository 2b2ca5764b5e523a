"""What Event Grid tells of a vault becomes what rotation acts on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.runtime.consumers.vault_event import read_vault_event

# As the vendor's page shows it, with other names.
EVENT: dict[str, Any] = {
    "id": "00eccf70-95a7-4e7c-8299-2eb17ee9ad64",
    "topic": "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/Orders-kv",
    "subject": "db-password",
    "eventType": "Microsoft.KeyVault.SecretNearExpiry",
    "eventTime": "2026-07-25T01:08:33.1036736Z",
    "data": {
        "Id": "https://orders-kv.vault.azure.net/secrets/db-password/11111111111111111111111111111111",
        "VaultName": "Orders-kv",
        "ObjectType": "Secret",
        "ObjectName": "db-password",
        "Version": "1" * 32,
        "NBF": None,
        "EXP": 1785000000,
    },
    "dataVersion": "1",
    "metadataVersion": "1",
}


def read(**changed: Any) -> Any:
    return read_vault_event(json.dumps({**EVENT, **changed}).encode())


@pytest.mark.parametrize(
    ("kind", "expiring"), [("SecretNearExpiry", True), ("SecretExpired", True), ("SecretNewVersionCreated", False)]
)
def test_a_secret_is_named_with_its_vault_and_version(kind: str, expiring: bool) -> None:
    notice = read(eventType=f"Microsoft.KeyVault.{kind}").notice
    assert (notice.vault_uri, notice.secret_name, notice.version) == (
        "https://orders-kv.vault.azure.net",
        "db-password",
        "1" * 32,
    )
    assert (notice.expiring, notice.caused_by) == (expiring, EVENT["id"])


@pytest.mark.parametrize("kind", ["CertificateNearExpiry", "KeyExpired", "VaultAccessPolicyChanged", "SomethingNewer"])
def test_what_is_no_secrets_is_let_pass(kind: str) -> None:
    assert read(eventType=f"Microsoft.KeyVault.{kind}").notice is None


@pytest.mark.parametrize(
    "changed",
    [
        {"data": {}},
        {"data": {**EVENT["data"], "VaultName": "evil.example/"}},
        {"data": {**EVENT["data"], "ObjectName": "a/b"}},
        {"id": ""},
        {"eventType": None},
    ],
)
def test_what_names_no_secret_is_malformed(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read(**changed)
