"""All targets against their stand-ins: real clients, real sockets, TLS, and the real workload runner behind them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest

from localazure.arm.app import application as arm_application
from localazure.arm.jobs import JobRunner
from localazure.arm.platform_kinds import Cluster
from localazure.kubernetes.app import application as kubernetes_application
from localazure.services.stand_in import HttpStandIn, Tls
from localazure.services.stand_in_cluster import StandInCluster
from localazure.shelf import Shelf
from localazure.workloads.images import Images
from localazure.workloads.loads import Loads
from localazure.workloads.runner import Runner
from shared.azure.arm import Arm
from shared.kernel.clock import now
from shared.targets.registry import build
from tests.support.certificates import self_signed
from tests.support.ports import free_port
from tests.targets.cloud import REAL, TARGETS, Cloud, Credential, JudgingTransport, Place, cloud_of, make_site
from tests.targets.real_kubernetes import on_real_kubernetes


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate for 127.0.0.1 that is its own authority."""
    made = self_signed(tmp_path_factory.mktemp("tls"))
    return Tls(made.certificate, made.key)


@pytest.fixture(scope="session")
async def cloud(tls: Tls, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    folder, ports = tmp_path_factory.mktemp("cloud"), (free_port(), free_port(), free_port())
    shelf = Shelf(folder / "services.sqlite")
    workloads = Runner(shelf)
    await workloads.restore()
    loads = Loads(shelf)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    arm = arm_application(
        shelf,
        workloads,
        jobs=JobRunner(logs=folder, project=folder, environment={}),
        authorise=lambda token: token == "good",
        vaults=None,  # type: ignore[arg-type] # no vault is made here
        cluster=Cluster("", ""),
        tls=context,
        endpoint=f"https://127.0.0.1:{ports[0]}",
        delay_seconds=0.05,
        startup_seconds=0.5,
    )
    api = kubernetes_application(shelf, loads, authorise=lambda token: token == "good")
    cluster = StandInCluster(api, ports[2], tls, tls.certificate, "good", workloads, shelf)
    listeners = {"container-apps": HttpStandIn(arm, ports[0], tls), "aks": HttpStandIn(api, ports[1], tls)}
    await asyncio.gather(arm.start(), cluster.start(), *(one.start() for one in listeners.values()))
    transport = JudgingTransport(connection_verify=str(tls.certificate))
    client = Arm(Credential, base_url=listeners["container-apps"].url, transport=transport)
    targets = build(client, Credential, now)
    by_arm = ("container-apps", "functions", "app-service")
    changeable = {"aks": cluster.changeable, **dict.fromkeys(by_arm, arm.changeable)}
    listeners |= dict.fromkeys(by_arm, listeners["container-apps"])
    yield Cloud(
        client,
        transport,
        targets.by_name,
        listeners,
        changeable,
        workloads,
        Images(shelf),
        cluster_url=listeners["aks"].url,
        authority=tls.certificate,
        loads=loads,
        shelf=shelf,
    )
    await targets.close()
    await client.close()
    await asyncio.gather(*(one.stop() for one in listeners.values()))
    await asyncio.gather(arm.stop(), cluster.stop())
    await workloads.close()
    shelf.close()


@pytest.fixture(scope="session")
async def real_cloud(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    async with on_real_kubernetes(cloud, tmp_path_factory.mktemp("kubernetes")) as real:
        yield real


@pytest.fixture(params=[*TARGETS, REAL])
def chosen(request: pytest.FixtureRequest) -> tuple[str, Cloud]:
    return request.param.removesuffix("-real"), cloud_of(request)


@pytest.fixture
async def place(chosen: tuple[str, Cloud]) -> AsyncIterator[Place]:
    name, cloud = chosen
    yield Place(name, cloud, cloud.targets[name], await make_site(cloud))
    cloud.workloads.clear_behaviours()
    assert cloud.transport.offences == []
