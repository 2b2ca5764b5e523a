"""Key Vault's secrets on loopback, for the real azure-keyvault-secrets client behind the TLS proxy.

Not emulated (501): backup and restore, keys, certificates, storage accounts. Access policies and roles: any token of the
platform's own opens every vault. Deleted secrets wait to be recovered or purged; they are not purged by themselves.
"""

from localazure.key_vault.endpoints import application, error
from localazure.key_vault.secret import HOST_SUFFIX
from localazure.key_vault.vaults import Vaults

__all__ = ["HOST_SUFFIX", "Vaults", "application", "error"]
