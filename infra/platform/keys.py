"""The platform's own vault: the key that signs cursors and idempotency ids, and the key that encrypts Pulumi's state.

Both are written through ARM, which needs no way into the vault's network; the app reads the first by a Key Vault reference.
"""

from __future__ import annotations

import pulumi
from pulumi_azure_native import keyvault

from infra.components.ground import Component, Ground, Named
from infra.components.vault import Vault

API_VERSION = "2024-11-01"
SIGNING, STATE = "runtime-signing-key", "pulumi-state"


class Secrets(Component):
    def __init__(self, ground: Ground, vault: Vault, signing_key: pulumi.Input[str], *, parent: pulumi.Resource) -> None:
        super().__init__("Secrets", "SecretsOf", parent)
        self.signing = Named("SigningKey", f"{vault.named.id}/secrets/{SIGNING}", API_VERSION)
        self.signing_resource = keyvault.Secret(
            self.signing.step,
            secret_name=SIGNING,
            vault_name=vault.named.name,
            resource_group_name=ground.group,
            properties={"value": signing_key},
            opts=ground.options(self.signing, self, [vault.resource]),
        )
        self.state = Named("StateKey", f"{vault.named.id}/keys/{STATE}", API_VERSION)
        self.state_resource = keyvault.Key(
            self.state.step,
            key_name=STATE,
            vault_name=vault.named.name,
            resource_group_name=ground.group,
            properties={"kty": "RSA", "key_size": 3072, "key_ops": ["wrapKey", "unwrapKey", "encrypt", "decrypt"]},
            opts=ground.options(self.state, self, [vault.resource], protect=True),
        )
        name = vault.named.name
        self.signing_reference = f"@Microsoft.KeyVault(VaultName={name};SecretName={SIGNING})"
        self.signing_uri = f"https://{name}.vault.azure.net/secrets/{SIGNING}"
        self.provider = f"azurekeyvault://{name}.vault.azure.net/keys/{STATE}"
        self.register_outputs({})
