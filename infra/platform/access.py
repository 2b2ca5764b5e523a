"""Who may do what: every role assignment of the platform, by identity.

| | the app | gRPC | the provisioner | vaults' notices |
|---|---|---|---|---|
| state table | write | write | write | no |
| host's storage, task hub | write | no | no | no |
| Service Bus | send, receive | send | send | send to one queue |
| where undelivered notices are kept | no | no | no | write |
| Application Insights | tell | tell | tell | no |
| signing key | read that one secret | read it | read it | no |
| Pulumi's state, its key | no | no | write, wrap and unwrap | no |
| environments' subscription | change workloads | no | Contributor, gives the roles of environments | no |
| the provisioner's job | start, stop, look | no | no | no |

The provisioner also ties vaults to the identity for notices, its queue and its container.
"""

from __future__ import annotations

import pulumi

from infra.components import roles
from infra.components.ground import Component, Named
from infra.components.identity import Identity
from infra.components.storage import Account
from infra.platform import duties
from infra.platform.described import Described
from infra.platform.durable import Scheduler
from infra.platform.keys import Secrets
from infra.platform.messaging import Messaging
from infra.platform.notices import Notices


class Access(Component):
    """`of_app, of_grpc, of_provisioner`: the assignments, for what must not start before them. Environments are made by the
    provisioner, so what they lean on is among its own."""

    def __init__(
        self,
        described: Described,
        app: Identity,
        grpc: Identity,
        provisioner: Identity,
        secrets: Secrets,
        account: Account,
        state: Account,
        messaging: Messaging,
        scheduler: Scheduler,
        notices: Notices,
        insights: Named,
        *,
        parent: pulumi.Resource,
    ) -> None:
        super().__init__("Access", "AccessOf", parent)
        self._ground, self._described = described.ground, described
        self._standing = {
            account.named.id: account.resource,
            state.named.id: state.resource,
            messaging.named.id: messaging.resource,
            scheduler.hub.id: scheduler.hub_resource,
            secrets.signing.id: secrets.signing_resource,
            secrets.state.id: secrets.state_resource,
            **notices.standing,
        }
        everybody = [(account.named.id, roles.TABLE_DATA), (messaging.named.id, roles.BUS_SENDER)]
        everybody += [(secrets.signing.id, roles.SECRETS_USER), (insights.id, roles.METRICS_PUBLISHER)]
        host = [(account.named.id, roles.BLOB_OWNER), (account.named.id, roles.QUEUE_DATA)]
        work = [(messaging.named.id, roles.BUS_RECEIVER), (scheduler.hub.id, roles.DURABLE_TASK)]
        engine = [(state.named.id, roles.BLOB_DATA), (secrets.state.id, roles.CRYPTO_USER)]
        self.of_app = self._given("App", app, [*everybody, *host, *work]) + self._over_workloads(app)
        self.of_grpc = self._given("Grpc", grpc, everybody)
        self.of_provisioner = self._given("Provisioner", provisioner, [*everybody, *engine])
        self.of_provisioner += self._over_environments(provisioner) + self._of_notices(notices, provisioner)
        self.register_outputs({})

    def _given(self, who: str, identity: Identity, granted: list[tuple[str, str]]) -> list[pulumi.Resource]:
        return [self._one(f"{who}Access{number}", identity, scope, role) for number, (scope, role) in enumerate(granted)]

    def _one(
        self, step: str, identity: Identity, scope: str, role: str, *, condition: str | None = None
    ) -> pulumi.Resource:
        stands = [self._standing[scope]] if scope in self._standing else []
        return roles.give(
            self._ground,
            step,
            role,
            scope=scope,
            to=identity.named.id,
            principal_id=identity.principal_id,
            condition=condition,
            parent=self,
            after=[identity.resource, *stands],
        )

    def _over_workloads(self, app: Identity) -> list[pulumi.Resource]:
        placed = f"/subscriptions/{self._described.placement}"
        workloads = duties.role(self._ground, "WorkloadOperator", "workload operator", placed, duties.WORKLOADS, self)
        given = [self._one("AppOverWorkloads", app, placed, workloads)]
        if self._described.provisioner_image:  # a role on a job can be given once there is one
            jobs = duties.role(self._ground, "JobOperator", "job operator", self._ground.group_id, duties.JOBS, self)
            given.append(self._one("AppOverJobs", app, self._ground.group_id, jobs))
        return given

    def _of_notices(self, notices: Notices, provisioner: Identity) -> list[pulumi.Resource]:
        sent, kept = (notices.queue, roles.BUS_SENDER), (notices.container, roles.BLOB_DATA)
        subscriber = duties.role(
            self._ground, "NoticeSubscriber", "notice subscriber", self._ground.group_id, duties.NOTICES, self
        )
        subscribes = [
            self._one(f"ProvisionerSubscribes{number}", provisioner, scope, subscriber)
            for number, scope in enumerate(notices.standing)
        ]
        return [*self._given("Notices", notices.identity, [sent, kept]), *subscribes]

    def _over_environments(self, provisioner: Identity) -> list[pulumi.Resource]:
        placed = f"/subscriptions/{self._described.placement}"
        condition = duties.only(*duties.GIVEN_BY_PROVISIONER)
        return [
            self._one("ProvisionerMakes", provisioner, placed, roles.CONTRIBUTOR),
            self._one("ProvisionerGives", provisioner, placed, roles.RBAC_ADMINISTRATOR, condition=condition),
        ]
