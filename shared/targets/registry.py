"""The targets that this platform deploys to, by the names of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.kernel.clock import Clock
from shared.targets.port import Target

if TYPE_CHECKING:
    from shared.azure.arm import Arm
    from shared.azure.credentials import CredentialFactory


class Targets:
    """What `build` made: `by_name` to deploy with, `close` for the end of the container."""

    def __init__(self, arm: Arm, credential: CredentialFactory, clock: Clock) -> None:
        from shared.targets.aks import Aks
        from shared.targets.container_apps import ContainerApps
        from shared.targets.web_site_bodies import APP_SERVICE, FUNCTIONS
        from shared.targets.web_sites import WebSites

        self._aks = Aks(credential, clock)
        self.by_name: Mapping[str, Target] = {
            "aks": self._aks,
            "container-apps": ContainerApps(arm, clock),
            FUNCTIONS.target: WebSites(FUNCTIONS, arm, clock),
            APP_SERVICE.target: WebSites(APP_SERVICE, arm, clock),
        }

    async def close(self) -> None:
        """Ends the connections to clusters; `arm` and the credential are closed by who made them."""
        await self._aks.close()


def build(arm: Arm, credential: CredentialFactory, clock: Clock) -> Targets:
    return Targets(arm, credential, clock)
