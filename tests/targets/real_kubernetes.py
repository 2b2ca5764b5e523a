"""A real Kubernetes control plane for the length of a session, with this process' workload runner as its nodes."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from localazure.kubernetes_real import parts
from localazure.kubernetes_real.cluster import RealCluster
from localazure.layout import Layout
from localazure.supervisor.child import Child
from localazure.supervisor.folder import DataFolder
from localazure.supervisor.kept import draw_secrets
from localazure.supervisor.logs import Echo
from localazure.supervisor.trouble import Trouble
from localazure.tls.tunnel import Forwarder
from tests.targets.cloud import Cloud

STARTS_WITHIN = 90.0  # seconds, of each program


@contextlib.asynccontextmanager
async def control_plane(data: Path) -> AsyncIterator[Layout]:
    """The programs on a folder of their own. A stated skip where they are not built."""
    folder, said = DataFolder.open(data, reset=False), io.StringIO()
    folder.keep_ports(None)
    draw_secrets(data)
    (data / "options.json").write_text(json.dumps({"quick": True, "kubernetes": "real"}))
    layout, echo = Layout(data), Echo(said)
    children: list[Child] = []
    try:
        try:
            specs = parts.control_plane(layout, {})
        except Trouble as missing:
            pytest.skip(str(missing))
        for spec in specs:
            children.append(Child(spec, layout.logs, data, echo))
            await children[-1].start()
            await children[-1].until_ready(STARTS_WITHIN)
        yield layout
    finally:
        for child in reversed(children):
            await child.stop()
        echo.close()
        folder.close()


@contextlib.asynccontextmanager
async def on_real_kubernetes(cloud: Cloud, data: Path) -> AsyncIterator[Cloud]:
    """The same cloud, with its `aks` on a real API server behind a listener that can be closed."""
    async with control_plane(data) as layout:
        cluster = RealCluster(layout, cloud.shelf, cloud.workloads, cloud.loads, authorise=lambda token: token == "good")
        front = Forwarder(layout.ports["kubernetes"], layout.ports["kubernetesApi"])
        await cluster.start()
        await front.start()
        try:
            yield replace(
                cloud,
                listeners={**cloud.listeners, "aks": front},
                changeable={**cloud.changeable, "aks": cluster.changeable},
                cluster_url=layout.url("kubernetes", "https"),
                authority=layout.ca,
            )
        finally:
            await front.stop()
            await cluster.stop()
