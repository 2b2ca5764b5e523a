"""Where a local Azure keeps what it knows: one data folder, read by every child, written by the supervisor.

Ports are drawn once and kept in `ports.json`, so that a restarted child comes back where its clients look for it.
`settings.json` is the app's environment (names from local.settings.sample.json); nothing else overrides it.
"""

from __future__ import annotations

import json
import random
import socket
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from localazure.writing import replace

LOOPBACK = "127.0.0.1"
STAND_IN, REAL = "stand-in", "real"  # which Kubernetes
OURS = range(14000, 20000)  # the workload runner draws from 20000 on

# One name per listening socket. `tables` is where the app finds Table Storage; `azuriteTables` is Azurite itself behind it.
PORT_NAMES = (
    "api",
    "azuriteBlob",
    "azuriteQueue",
    "azuriteTables",
    "tables",
    "serviceBus",
    "control",
    "issuer",
    "policy",
    "identity",
    "proxy",
    "keyVault",
    "arm",
    "kubernetes",
    "registry",
    "kubernetesApi",  # the API server itself, behind `kubernetes`; when it is real: whom it asks, what it is kept by
    "kubernetesHooks",
    "etcd",
    "etcdPeers",
    "grpc",
)


@dataclass(frozen=True)
class Layout:
    """Paths and ports of one data folder. `data` must be absolute: children run with other working directories."""

    data: Path

    @cached_property
    def ports(self) -> dict[str, int]:
        """Read once; raises `FileNotFoundError` when the supervisor has not prepared the folder."""
        return dict(json.loads((self.data / "ports.json").read_text()))

    @property
    def settings(self) -> dict[str, str]:
        """The app's settings as the supervisor wrote them."""
        return dict(json.loads((self.data / "settings.json").read_text()))

    @property
    def quick(self) -> bool:
        """Whether `up --quick` was asked for: short gates, sweeps and message locks."""
        return bool(json.loads((self.data / "options.json").read_text())["quick"])

    @property
    def real_kubernetes(self) -> bool:
        """Whether `up --kubernetes real` was asked for."""
        return bool(json.loads((self.data / "options.json").read_text())["kubernetes"] == REAL)

    @property
    def state(self) -> Path:
        """The SQLite file of the stand-ins (`localazure.shelf`)."""
        return self.data / "services.sqlite"

    @property
    def hub(self) -> Path:
        """The SQLite journal of the Functions host's Durable hub."""
        return self.data / "hub.sqlite"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def endpoints(self) -> Path:
        return self.data / "endpoints.json"

    @property
    def ca(self) -> Path:
        """The local CA's certificate; `ca_bundle` is the system's trust store plus this one."""
        return self.data / "ca.pem"

    @property
    def ca_bundle(self) -> Path:
        return self.data / "ca-bundle.pem"

    @property
    def certificate(self) -> Path:
        """Leaf for every TLS stand-in: *.vault.azure.net, management.azure.com, localhost, 127.0.0.1."""
        return self.data / "tls" / "leaf.pem"

    @property
    def certificate_key(self) -> Path:
        return self.data / "tls" / "leaf.key"

    @property
    def kubeconfig(self) -> Path:
        return self.data / "kubeconfig"

    def url(self, name: str, scheme: str = "http") -> str:
        return f"{scheme}://{LOOPBACK}:{self.ports[name]}"


def draw_ports(kept: dict[str, int], api: int | None) -> dict[str, int]:
    """The ports of `PORT_NAMES`: those kept from an earlier start, the rest drawn free. `api` (not None, not 0) wins.

    Below the system's ephemeral range: an outgoing connection must not take the port of a child that is being restarted.
    """
    ports = {name: port for name, port in kept.items() if name in PORT_NAMES}
    if api:
        ports["api"] = api
    free = (port for port in _shuffled(OURS) if port not in ports.values() and _is_free(port))
    for name in PORT_NAMES:
        if name not in ports:
            ports[name] = next(free)
    return ports


def _shuffled(ports: range) -> list[int]:
    return random.sample(ports, len(ports))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def write_by_rename(path: Path, document: Any) -> None:
    """Readers see the old document or the new one, never half of either."""
    replace(path, json.dumps(document))
