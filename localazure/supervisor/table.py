"""The children of the platform, as data: what is run, in which order, and how each shows that it serves."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from localazure.layout import LOOPBACK, Layout
from localazure.service_bus import connection_string
from localazure.supervisor.child import ChildSpec
from localazure.supervisor.node import find_azurite, find_node
from localazure.supervisor.readiness import accepts, answers
from localazure.supervisor.settings import OTLP, child_environment, otlp_endpoint, tables_connection

_API_SERVER = "kube-apiserver"  # of `localazure.kubernetes_real.parts`

Composition = Callable[[Layout, Path, Mapping[str, str]], Sequence[ChildSpec]]


def platform(layout: Layout, root: Path, environ: Mapping[str, str]) -> Sequence[ChildSpec]:
    """Azurite, a real Kubernetes if one is wanted, the stand-ins, the host, gRPC. Ended from the last to the first.

    Raises `Trouble` when a part is missing."""
    environment = child_environment(layout, environ)
    ports = layout.ports
    cluster = _control_plane(layout, environment) if layout.real_kubernetes else []
    return [
        *cluster,
        ChildSpec(
            "azurite",
            _azurite(layout, root),
            environment,
            answers(ports["azuriteTables"], "/"),
            stop_signal=signal.SIGINT,
            patience=4.0,  # the leash itself insists after 3
        ),
        ChildSpec(
            "services",
            _ours("localazure.services", layout),
            environment,
            answers(ports["control"], "/health", status=200),
            after=(_API_SERVER,) if cluster else (),
            patience=2.5,
        ),
        ChildSpec(
            "host",
            _ours("localazure.host", layout),
            environment,
            answers(ports["api"], "/health", status=200),
            after=("azurite", "services"),
            patience=2.5,
        ),
        # No program of the local Azure: it reads its settings from its environment, as in Azure.
        ChildSpec(
            "grpc",
            [sys.executable, "-m", "runtime_grpc", "--watch-stdin"],
            {**environment, **layout.settings},
            accepts(ports["grpc"]),
            after=("azurite", "services"),
            patience=2.5,
        ),
    ]


def endpoints(layout: Layout) -> dict[str, Any]:
    """What the Ready line and endpoints.json tell other programs."""
    return {
        "api": layout.url("api"),
        "grpc": f"{LOOPBACK}:{layout.ports['grpc']}",
        "issuer": layout.url("issuer"),
        "control": layout.url("control"),
        "serviceBus": connection_string(layout.ports["serviceBus"]),
        "tables": tables_connection(layout),
        "keyVault": layout.url("keyVault", "https"),
        "arm": layout.url("arm", "https"),
        "kubernetes": layout.url("kubernetes", "https"),
        "telemetry": {OTLP: otlp_endpoint(layout)},
    }


def kubernetes_alone(layout: Layout, _root: Path, environ: Mapping[str, str]) -> Sequence[ChildSpec]:
    """A real Kubernetes and the workload runner as its nodes, and nothing else. Raises `Trouble` when it is not built."""
    environment = child_environment(layout, environ)
    nodes = ChildSpec(
        "nodes",
        _ours("localazure.kubernetes_real", layout),
        environment,
        accepts(layout.ports["kubernetes"]),
        after=(_API_SERVER,),
        patience=2.5,
    )
    return [*_control_plane(layout, environment), nodes]


def _control_plane(layout: Layout, environment: Mapping[str, str]) -> Sequence[ChildSpec]:
    from localazure.kubernetes_real.parts import control_plane  # it is made of this package's children, and rarely wanted

    return control_plane(layout, environment)


def _ours(module: str, layout: Layout) -> list[str]:
    return [sys.executable, "-m", module, "--data", str(layout.data), "--watch-stdin"]


def _azurite(layout: Layout, root: Path) -> list[str]:
    location = layout.data / "azurite"
    location.mkdir(exist_ok=True)
    leash = Path(__file__).with_name("leash.py")
    options = ["--silent", "--skipApiVersionCheck", "--loose", "--disableTelemetry", "--location", str(location)]
    listen = ["--tableHost", LOOPBACK, "--tablePort", str(layout.ports["azuriteTables"])]
    return [sys.executable, str(leash), find_node(), str(find_azurite(root)), *options, *listen]
