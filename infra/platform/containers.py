"""What runs as containers: the provisioner's job and, beside the Functions app, the gRPC service.

Both come from the platform's registry, by an identity of their own. Their images are pushed after the registry is made:
until the stack is told of an image, what would run it is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_azure_native import app, containerregistry

from infra.components import roles
from infra.components.container_apps import ManagedEnvironment
from infra.components.ground import Component, Ground, Named
from infra.components.identity import Identity
from infra.components.storage import plain
from infra.platform.settings import GRPC_PORT, Text

API_VERSION = "2025-01-01"
_JOB_SECONDS = 2 * 60 * 60  # infra/provisioner/__main__.py: LONGEST
_SECRET = "runtime-signing-key"  # noqa: S105 - its name
JOB = "provisioner"


class Registry(Component):
    """Nobody pulls without a role, and there is no admin user."""

    def __init__(self, ground: Ground, *, parent: pulumi.Resource, after: list[pulumi.Resource]) -> None:
        super().__init__("Registry", "RegistryOf", parent)
        kind = "Microsoft.ContainerRegistry/registries"
        self.named: Named = ground.exactly("Registry", kind, plain(ground, "cr"), "2023-07-01")
        self.resource = containerregistry.Registry(
            self.named.step,
            registry_name=self.named.name,
            sku={"name": "Premium" if ground.production else "Standard"},
            admin_user_enabled=False,
            anonymous_pull_enabled=False,
            opts=ground.options(self.named, self, after),
            **ground.tracked(),
        )
        self.server: pulumi.Output[str] = self.resource.login_server
        self.register_outputs({"id": self.resource.id})

    def pulled_by(self, ground: Ground, step: str, identity: Identity) -> pulumi.Resource:
        return roles.give(
            ground,
            step,
            roles.ACR_PULL,
            scope=self.named.id,
            to=identity.named.id,
            principal_id=identity.principal_id,
            parent=self,
            after=[self.resource, identity.resource],
        )


def job_name(ground: Ground) -> Named:
    """Known before the job is: the app's settings name it. At most 32 characters."""
    return ground.called("ProvisionerJob", "Microsoft.App/jobs", JOB, API_VERSION)


def provisioner(
    ground: Ground,
    environment: ManagedEnvironment,
    identity: Identity,
    registry: Registry,
    *,
    image: str,
    settings: Mapping[str, Text],
    signing_uri: str,
    parent: pulumi.Resource,
    after: list[pulumi.Resource],
) -> app.Job:
    """One execution per attempt, started by the app and never repeated by Azure: a repeat is an attempt of its own."""
    named = job_name(ground)
    own = {"AZURE_CLIENT_ID": identity.client_id}  # how Pulumi's backend and its key find the identity
    return app.Job(
        named.step,
        job_name=named.name,
        environment_id=environment.resource.id,
        identity={"type": "UserAssigned", "user_assigned_identities": [identity.named.id]},
        configuration={
            "trigger_type": "Manual",
            "replica_timeout": _JOB_SECONDS,
            "replica_retry_limit": 0,
            "manual_trigger_config": {"parallelism": 1, "replica_completion_count": 1},
            **_common(identity, registry, signing_uri),
        },
        template={
            "containers": [
                {
                    "name": JOB,
                    "image": image,
                    "command": ["python", "-m", "infra.provisioner"],
                    "env": _environment({**settings, **own}),
                    "resources": {"cpu": 1.0, "memory": "2Gi"},
                }
            ]
        },
        opts=ground.options(named, parent, after),
        **ground.tracked(),
    )


def grpc_service(
    ground: Ground,
    environment: ManagedEnvironment,
    identity: Identity,
    registry: Registry,
    *,
    image: str,
    settings: Mapping[str, Text],
    signing_uri: str,
    parent: pulumi.Resource,
    after: list[pulumi.Resource],
) -> app.ContainerApp:
    named = ground.called("GrpcService", "Microsoft.App/containerApps", "grpc", API_VERSION)
    return app.ContainerApp(
        named.step,
        container_app_name=named.name,
        environment_id=environment.resource.id,
        identity={"type": "UserAssigned", "user_assigned_identities": [identity.named.id]},
        configuration={
            "active_revisions_mode": "Single",
            "ingress": {
                "external": True,
                "target_port": GRPC_PORT,
                "transport": "http2",
                "allow_insecure": False,
            },
            **_common(identity, registry, signing_uri),
        },
        template={
            "containers": [
                {
                    "name": "grpc",
                    "image": image,
                    "command": ["python", "-m", "runtime_grpc"],
                    "env": _environment(settings),
                    "resources": {"cpu": 0.5, "memory": "1Gi"},
                    "probes": [{"type": "Liveness", "tcp_socket": {"port": GRPC_PORT}, "period_seconds": 10}],
                }
            ],
            "scale": {"min_replicas": 2 if ground.production else 1, "max_replicas": 10},
        },
        opts=ground.options(named, parent, after),
        **ground.tracked(),
    )


def _common(identity: Identity, registry: Registry, signing_uri: str) -> dict[str, Any]:
    return {
        "registries": [{"server": registry.server, "identity": identity.named.id}],
        "secrets": [{"name": _SECRET, "key_vault_url": signing_uri, "identity": identity.named.id}],
    }


def _environment(settings: Mapping[str, Text]) -> list[dict[str, Any]]:
    plain_ones = [
        {"name": name, "value": value} for name, value in sorted(settings.items()) if name != "RUNTIME_SIGNING_KEY"
    ]
    return [*plain_ones, {"name": "RUNTIME_SIGNING_KEY", "secret_ref": _SECRET}]
