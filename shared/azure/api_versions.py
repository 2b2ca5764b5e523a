"""The API versions this platform speaks to Azure Resource Manager, one per resource type.

They are those of the management SDKs whose models judge the bodies in the tests: a version is changed together with
the SDK that describes it, never alone.
"""

from __future__ import annotations

from typing import Final

CONTAINER_APPS: Final = "2026-07-01"  # Microsoft.App, azure-mgmt-appcontainers 5.1
RESOURCES: Final = "2025-04-01"  # Microsoft.Resources, azure-mgmt-resource
KEY_VAULT: Final = "2026-05-15"  # Microsoft.KeyVault, azure-mgmt-keyvault 14.1
AUTHORIZATION: Final = "2022-04-01"  # Microsoft.Authorization role assignments, azure-mgmt-authorization 4.0
WEB: Final = "2025-05-01"  # Microsoft.Web, azure-mgmt-web 11.0
AUTOSCALE: Final = "2022-10-01"  # Microsoft.Insights autoscale settings, azure-mgmt-monitor 7.0
