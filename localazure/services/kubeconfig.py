"""The kubeconfig of the local cluster, for kubectl and for whoever reads one."""

from __future__ import annotations

import json

from localazure.layout import Layout
from localazure.writing import replace_private

_NAME = "localazure"


def write_kubeconfig(layout: Layout, token: str) -> None:
    """JSON, which is YAML; readable by its owner alone, since it carries the token."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": _NAME,
        "clusters": [
            {
                "name": _NAME,
                "cluster": {"server": layout.url("kubernetes", "https"), "certificate-authority": str(layout.ca)},
            }
        ],
        "users": [{"name": _NAME, "user": {"token": token}}],
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME}}],
    }
    replace_private(layout.kubeconfig, json.dumps(document, indent=1))
