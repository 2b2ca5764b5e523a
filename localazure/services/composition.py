"""Every stand-in, wired to the others: who checks whose tokens, who makes whose vaults, what can fail.

The one place that knows all of them. `start` brings back what was on disk before anything listens, and the control API
listens last: once it answers, everything does.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from pathlib import Path
from typing import Protocol

from starlette.types import ASGIApp

import localazure.arm
import localazure.identity
import localazure.issuer
import localazure.key_vault
import localazure.policy
import localazure.registry
from localazure import control
from localazure.arm.app import Application, application
from localazure.arm.jobs import JobRunner
from localazure.arm.platform_kinds import Cluster
from localazure.control import Collector, Controlled, Faults, Mode, Traffic
from localazure.control.faults import Listener as Listening
from localazure.identity import Tokens
from localazure.issuer import Issuer, Keyring
from localazure.issuer.keyring import keyring_path
from localazure.key_vault import Vaults
from localazure.kubernetes import app as kubernetes
from localazure.kubernetes.status import error as kubernetes_error
from localazure.kubernetes_real.cluster import RealCluster
from localazure.layout import Layout
from localazure.policy import Overrides, Policy
from localazure.service_bus import RUNTIME, Broker
from localazure.services import throttling
from localazure.services.dependency import Shapes
from localazure.services.kubeconfig import write_kubeconfig
from localazure.services.platform_resources import ensure_platform_resources
from localazure.services.stand_in import HttpStandIn, Tls
from localazure.services.stand_in_cluster import StandInCluster
from localazure.shelf import Shelf
from localazure.supervisor.kept import CLUSTER_TOKEN, IDENTITY_HEADER, secret
from localazure.tables import TablesProxy
from localazure.tls import ConnectProxy, Forwarder, ensure_certificates
from localazure.workloads.images import Images
from localazure.workloads.loads import Loads
from localazure.workloads.port import Changeable
from localazure.workloads.runner import Runner

ARM_HOST = "management.azure.com"
AKS_SERVER = "6dae42f8-4368-4678-94ff-3960e28e3630"  # Entra's application id of every AKS API server
LOCK_SECONDS, QUICK_LOCK_SECONDS = 30.0, 5.0
PROJECT = Path(__file__).resolve().parents[2]


class Kubernetes(Protocol):
    """A cluster with its nodes, made here or real."""

    changeable: Changeable

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class Services:
    """All stand-ins of one data folder, prepared by the supervisor (ports, settings, options, keys)."""

    def __init__(self, layout: Layout) -> None:
        ensure_certificates(layout)
        self._layout = layout
        self._tls = Tls(layout.certificate, layout.certificate_key)
        self._shelf = Shelf(layout.state)
        self.faults, self.traffic, self.overrides = Faults(), Traffic(), Overrides()
        self.tokens = Tokens.kept(layout.data / "identity.key")
        self.vaults = Vaults(self._shelf)
        self.workloads, self.loads = Runner(self._shelf), Loads(self._shelf)
        settings = layout.settings
        self.issuer = Issuer(layout.url("issuer"), settings["OIDC_AUDIENCE"], Keyring.read(keyring_path(layout.data)))
        self._job_id = settings.get("PROVISIONER_JOB_ID", "")
        self._cluster_token = secret(layout.data, CLUSTER_TOKEN)
        self.cluster, self._cluster_front = self._compose_cluster()
        self.arm = self._compose_arm(settings)
        self.broker = self._compose_broker()
        tables = (layout.ports["tables"], layout.ports["azuriteTables"])
        self.tables = TablesProxy(*tables, partial(self.faults.strike, "tables"), partial(self.traffic.count, "tables"))
        self.faults.register("tables", self.tables)
        self.proxy = ConnectProxy(
            layout.ports["proxy"],
            {
                ARM_HOST: layout.ports["arm"],
                "*.vault.azure.net": layout.ports["keyVault"],
                **dict.fromkeys(_registries(settings), layout.ports["registry"]),
            },
            lambda host: not host.lower().endswith(".vault.azure.net") or self.vaults.exists(host),
        )
        self._listeners = self._compose_listeners()
        self._control = HttpStandIn(control.application(self._controlled()), layout.ports["control"])

    async def start(self) -> None:
        """Raises `OSError` when a port stays taken."""
        await self.tables.start()  # first: nothing here has to be ready for it, and after a crash the app misses it most
        write_kubeconfig(self._layout, self._cluster_token)
        await self.workloads.restore()
        await asyncio.gather(self.cluster.start(), self.arm.start())
        if self._job_id:
            await ensure_platform_resources(self.arm.resources, self._job_id)
        await asyncio.gather(self.broker.start(), self.proxy.start(), *(each.start() for each in self._listeners))
        await self._control.start()

    async def stop(self) -> None:
        """Nothing listens and no job runs any more; what is on disk stays."""
        await self._control.stop()
        await self.faults.lift()
        await asyncio.gather(
            self.broker.stop(), self.tables.stop(), self.proxy.stop(), *(each.stop() for each in self._listeners)
        )
        await asyncio.gather(self.arm.stop(), self.cluster.stop())
        await self.workloads.close()
        self._shelf.close()

    def _compose_cluster(self) -> tuple[Kubernetes, Listening]:
        """The cluster, and what listens for it where the platform looks for one."""
        layout = self._layout
        if layout.real_kubernetes:
            cluster = RealCluster(layout, self._shelf, self.workloads, self.loads, self._is_platform)
            front = Forwarder(layout.ports["kubernetes"], layout.ports["kubernetesApi"])
            self.faults.register("kubernetes", front, (Mode.DOWN,))
            return cluster, front
        api = kubernetes.application(self._shelf, self.loads, authorise=self._opens_cluster)
        port, ca = layout.ports["kubernetesApi"], layout.ca
        stand_in = StandInCluster(api, port, self._tls, ca, self._cluster_token, self.workloads, self._shelf)
        return stand_in, self._dependency("kubernetes", api, Shapes(kubernetes_error, throttling.kubernetes), self._tls)

    def _compose_arm(self, settings: dict[str, str]) -> Application:
        layout = self._layout
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(layout.certificate, layout.certificate_key)
        return application(
            self._shelf,
            self.workloads,
            jobs=JobRunner(logs=layout.logs / "jobs", project=PROJECT, environment=settings),
            authorise=lambda token: self.tokens.accepts(token, f"https://{ARM_HOST}"),
            vaults=self.vaults,
            cluster=Cluster(layout.url("kubernetes", "https"), layout.ca.read_text(), self._cluster_token),
            tls=context,
        )

    def _compose_broker(self) -> Broker:
        broker = Broker(
            self._shelf,
            self._layout.ports["serviceBus"],
            RUNTIME,
            lock_seconds=QUICK_LOCK_SECONDS if self._layout.quick else LOCK_SECONDS,
            faults=lambda: self.faults.current("serviceBus"),
            traffic=partial(self.traffic.count, "serviceBus"),
        )
        self.faults.register("serviceBus", broker)
        return broker

    def _compose_listeners(self) -> list[Listening]:
        issuer = localazure.issuer.application(self.issuer)
        policy = localazure.policy.application(Policy(), self.overrides)
        vault = localazure.key_vault.application(self.vaults, self.tokens.check)
        registry = localazure.registry.application(Images(self._shelf), self.tokens)
        identity = localazure.identity.application(self.tokens, secret(self._layout.data, IDENTITY_HEADER))
        return [
            self._dependency("keyVault", vault, Shapes(localazure.key_vault.error, throttling.key_vault), self._tls),
            self._dependency("arm", self.arm, Shapes(localazure.arm.error, throttling.arm), self._tls),
            self._cluster_front,
            self._dependency("registry", registry, Shapes(localazure.registry.error, throttling.registry), self._tls),
            self._dependency("issuer", issuer, Shapes(localazure.issuer.error, throttling.issuer)),
            self._dependency("policy", policy, Shapes(localazure.policy.error, throttling.policy)),
            HttpStandIn(identity, self._layout.ports["identity"]),
        ]

    def _dependency(self, name: str, app: ASGIApp, shapes: Shapes, tls: Tls | None = None) -> HttpStandIn:
        return HttpStandIn.of(name, app, self._layout.ports[name], shapes, self.faults, self.traffic, tls)

    def _controlled(self) -> Controlled:
        changeables = [self.arm.changeable, self.cluster.changeable]
        return Controlled(
            self.workloads,
            self.loads,
            changeables,
            self.faults,
            self.traffic,
            Collector(),
            self.overrides,
            self.issuer,
            self._set_secret,
            self.vaults.enabled,
        )

    async def _set_secret(self, vault_uri: str, name: str, value: str) -> None:
        self.vaults.set_secret(vault_uri, name, value)

    def _opens_cluster(self, token: str) -> bool:
        """The token of the kubeconfig, or one of the managed identity for AKS."""
        return token == self._cluster_token or self._is_platform(token)

    def _is_platform(self, token: str) -> bool:
        return self.tokens.accepts(token, AKS_SERVER)


def _registries(settings: dict[str, str]) -> list[str]:
    """The hosts of the registries that the platform may deploy from, as far as the certificate covers them."""
    named = (one.strip().lower() for one in settings.get("IMAGE_REGISTRIES", "").split(","))
    return [host for host in named if host.endswith(".azurecr.io")]
