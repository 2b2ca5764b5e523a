"""What the control plane's programs read: the administrator's token and kubeconfig, the key of service accounts, webhooks.

The API server's certificate is that of the other stand-ins, and its authority is theirs. Every file is its owner's alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from localazure.layout import LOOPBACK, Layout
from localazure.supervisor.kept import CLUSTER_TOKEN, secret
from localazure.tls import ensure_certificates
from localazure.writing import replace_private

ADMINISTRATOR = "localazure"
_CONTEXT = "localazure"


def place(layout: Layout) -> Path:
    """The folder of the control plane: its files, and etcd's data."""
    return layout.data / "kubernetes"


def tokens(layout: Layout) -> Path:
    return place(layout) / "tokens.csv"


def service_account_key(layout: Layout) -> Path:
    return place(layout) / "service-accounts.key"


def kubeconfig(layout: Layout) -> Path:
    """The administrator's, straight to the API server: what is made to fail between it and the platform is not met here."""
    return place(layout) / "kubeconfig"


def authentication(layout: Layout) -> Path:
    """Where the API server asks whose a token is that it does not know."""
    return place(layout) / "authentication.kubeconfig"


def prepare(layout: Layout) -> None:
    """Write all of it; keys are kept. The secrets of the folder must have been drawn."""
    ensure_certificates(layout)
    folder = place(layout)
    folder.mkdir(mode=0o700, exist_ok=True)
    token = secret(layout.data, CLUSTER_TOKEN)
    replace_private(tokens(layout), f'{token},{ADMINISTRATOR},{ADMINISTRATOR},"system:masters"\n')
    if not service_account_key(layout).exists():
        replace_private(service_account_key(layout), _key())
    api = f"https://{LOOPBACK}:{layout.ports['kubernetesApi']}"
    hooks = f"https://{LOOPBACK}:{layout.ports['kubernetesHooks']}/authenticate"
    replace_private(kubeconfig(layout), json.dumps(_kubeconfig(api, layout.ca, {"token": token})))
    replace_private(authentication(layout), json.dumps(_kubeconfig(hooks, layout.ca, {})))


def _kubeconfig(server: str, authority: Path, user: Mapping[str, str]) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": _CONTEXT,
        "clusters": [{"name": _CONTEXT, "cluster": {"server": server, "certificate-authority": str(authority)}}],
        "users": [{"name": _CONTEXT, "user": dict(user)}],
        "contexts": [{"name": _CONTEXT, "context": {"cluster": _CONTEXT, "user": _CONTEXT}}],
    }


def _key() -> str:
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, plain).decode()
