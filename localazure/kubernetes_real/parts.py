"""The programs of the control plane as children of a supervisor: what is run, in which order, and when each serves.

Every port is on loopback; what needs none listens nowhere. etcd must be 3.6: earlier ones stall rollouts with this
Kubernetes. Without a lease that kwok renews, the node controller turns nodes and their pods NotReady every 50 s.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from localazure.kubernetes_real import binaries, credentials
from localazure.layout import LOOPBACK, Layout
from localazure.supervisor import leash
from localazure.supervisor.child import ChildSpec
from localazure.supervisor.readiness import Probe, accepts, answers

API = "kube-apiserver"
STAGES = Path(__file__).with_name("node-stages.yaml")
_PATIENCE_SECONDS = 4.0  # the leash itself insists after 3
_QUICK_STABLE = "10s"


def control_plane(layout: Layout, environment: Mapping[str, str]) -> list[ChildSpec]:
    """Raises `Trouble` when the programs are not built. Writes what they read."""
    programs = binaries.find()
    credentials.prepare(layout)
    trust = ssl.create_default_context(cafile=str(layout.ca))
    ready: dict[str, Probe] = {
        "etcd": accepts(layout.ports["etcd"]),
        API: answers(layout.ports["kubernetesApi"], "/readyz", status=200, trust=trust),
    }
    after = {"etcd": (), API: ("etcd",)}
    specs = []
    for name, arguments in _arguments(layout).items():
        command = [sys.executable, leash.__file__, str(programs[name]), *arguments]
        specs.append(
            ChildSpec(
                name,
                command,
                environment,
                ready.get(name, _runs),
                after=after.get(name, (API,)),
                patience=_PATIENCE_SECONDS,
            )
        )
    return specs


async def _runs() -> bool:
    """Of what listens nowhere: that it works is seen by what comes of it (Ready nodes, scheduled pods)."""
    return True


def _arguments(layout: Layout) -> dict[str, Sequence[str]]:
    kubeconfig = ["--kubeconfig", str(credentials.kubeconfig(layout))]
    controller = [*kubeconfig, "--leader-elect=false", "--secure-port=0", "--profiling=false", *_pace(200)]
    key = str(credentials.service_account_key(layout))
    stable = ["--horizontal-pod-autoscaler-downscale-stabilization", _QUICK_STABLE] if layout.quick else []
    nodes = ["--manage-all-nodes=true", "--node-lease-duration-seconds=40", "--node-port=0", "--node-ip", LOOPBACK]
    return {
        "etcd": _etcd(layout),
        API: _api_server(layout),
        "kube-controller-manager": [
            *controller,
            "--service-account-private-key-file",
            key,
            "--root-ca-file",
            str(layout.ca),
            "--horizontal-pod-autoscaler-sync-period=2s",
            *stable,
        ],
        "kube-scheduler": controller,
        "kwok": [*kubeconfig, *nodes, "--config", str(STAGES)],
    }


def _pace(requests: int) -> list[str]:
    return [f"--kube-api-qps={requests}", f"--kube-api-burst={2 * requests}"]


def _etcd(layout: Layout) -> list[str]:
    clients = f"http://{LOOPBACK}:{layout.ports['etcd']}"
    peers = f"http://{LOOPBACK}:{layout.ports['etcdPeers']}"
    return [
        *("--name", "local", "--data-dir", str(credentials.place(layout) / "etcd"), "--log-level", "warn"),
        *("--listen-client-urls", clients, "--advertise-client-urls", clients),
        *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", f"local={peers}"),
        "--unsafe-no-fsync",  # a power cut is not what this has to survive; a killed process loses nothing
    ]


def _api_server(layout: Layout) -> list[str]:
    key = str(credentials.service_account_key(layout))
    return [
        *("--etcd-servers", f"http://{LOOPBACK}:{layout.ports['etcd']}"),
        *("--bind-address", LOOPBACK, "--secure-port", str(layout.ports["kubernetesApi"])),
        *("--advertise-address", LOOPBACK, "--endpoint-reconciler-type", "none"),
        *("--tls-cert-file", str(layout.certificate), "--tls-private-key-file", str(layout.certificate_key)),
        *("--token-auth-file", str(credentials.tokens(layout)), "--authorization-mode", "RBAC"),
        *("--authentication-token-webhook-config-file", str(credentials.authentication(layout))),
        *("--authentication-token-webhook-version", "v1", "--authentication-token-webhook-cache-ttl", "10s"),
        *("--service-cluster-ip-range", "10.96.0.0/16", "--service-account-issuer", "https://kubernetes.default.svc"),
        *("--service-account-key-file", key, "--service-account-signing-key-file", key),
        *("--enable-priority-and-fairness=false", "--profiling=false", "--shutdown-delay-duration=0s"),
    ]
