"""An environment of the app in this process, with one of everything."""

from __future__ import annotations

from shared.access.binding import BindingStatus, TenantBinding
from shared.http.openapi.examples import SEED
from shared.operations.model import Operation, OperationStatus
from shared.operations.slot import Slot
from shared.runtime.environments.model import Environment, EnvironmentStatus
from shared.store import keys
from shared.store.port import Put
from tests.contract.app import TENANT, App
from tests.unit.doubles.vault import VAULT


class Shop:
    """An environment with one of everything, made by way of the API."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.ids: dict[str, str] = {}

    async def made(self) -> Shop:
        provision = SEED["environments.provision"].request
        _, answer = await self.app.ask("POST", "/environments", provision)
        self.ids["environmentId"] = answer["environmentId"]
        await self.settle()
        about = {"tenantId": TENANT, "environmentId": answer["environmentId"]}
        self.app.vault.holds("db", "0" * 32)
        await self.begun("configurationId", "/configurations", {**about, "values": {"LOG_LEVEL": "info"}})
        bound = {"serviceId": "api", "vaultUri": VAULT, "secrets": [{"name": "db", "secretName": "db"}]}
        await self.begun("secretBindingId", "/secret-bindings", {**about, **bound})
        policy = {**(SEED["scaling-policies.apply"].request or {}), **about}
        await self.begun("scalingPolicyId", "/scaling-policies", policy)
        release = {**(SEED["deployments.deploy"].request or {}), **about}
        await self.begun("deploymentId", "/deployments", {**release, "configurationId": self.ids["configurationId"]})
        return self

    async def begun(self, name: str, path: str, body: dict[str, object]) -> None:
        answer, told = await self.app.ask("POST", path, body)
        assert answer.status in (201, 202), told
        self.ids[name] = told[name]
        if "Operation-Location" in answer.headers:
            self.ids["operationId"] = answer.headers["Operation-Location"].rpartition("/")[2]

    async def settle(self) -> None:
        """As a finished provisioning leaves it."""
        store, partition = self.app.container.store, self.partition
        rows = await store.gather(partition, [keys.ENVIRONMENT, keys.SLOT, keys.BINDING])
        environment = Environment.read(rows[keys.ENVIRONMENT].document)
        slot = Slot.read(rows[keys.SLOT].document)
        operation_row = await store.get(partition, slot.operation_id or "")
        assert operation_row is not None
        operation = Operation.read(operation_row.document)
        done = {
            keys.ENVIRONMENT: environment.model_copy(update={"status": EnvironmentStatus.PROVISIONED}),
            keys.SLOT: Slot(generation=1),
            keys.BINDING: TenantBinding.read(rows[keys.BINDING].document).model_copy(
                update={"status": BindingStatus.ACTIVE}
            ),
            operation.operation_id: operation.model_copy(update={"status": OperationStatus.SUCCEEDED}),
        }
        changes = [Put(key, record.document()) for key, record in done.items()]
        await store.commit(partition, "settled", changes)
        await self.app.container.index.project(done[keys.ENVIRONMENT])  # type: ignore[arg-type]

    async def free(self) -> None:
        """Nothing holds the environment."""
        store = self.app.container.store
        row = await store.get(self.partition, keys.SLOT)
        assert row is not None
        slot = Slot(generation=Slot.read(row.document).generation)
        await store.commit(self.partition, f"free-{row.version}", [Put(keys.SLOT, slot.document())])

    @property
    def partition(self) -> str:
        return keys.partition_of(TENANT, self.ids["environmentId"])  # type: ignore[arg-type]
