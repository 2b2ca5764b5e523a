"""The programs of the control plane: which they are, in which versions, and where they are once they are built.

The versions are those of go.mod and of nothing else. Programs are in the user's cache, outside the tree, in a folder named
after what they are built from, so that other versions never pass for these.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from localazure.supervisor.trouble import Trouble

HERE = Path(__file__).parent
PINS = (HERE / "go.mod", HERE / "go.sum")
PACKAGES: Mapping[str, str] = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
}
_RECIPE = 1  # counts up when they are built otherwise from the same modules


def folder() -> Path:
    """Where this tree's programs are, or will be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    pins = b"\0".join([str(_RECIPE).encode(), *(path.read_bytes() for path in PINS)])
    return cache / "runtime-cloud-platform" / "kubernetes" / hashlib.sha256(pins).hexdigest()[:16]


def version(module: str) -> str:
    """The pinned version of a required module, without its `v`; of `go` the oldest that builds them."""
    found = re.search(rf"^\s*{re.escape(module)} v?(\d[\w.+-]*)$", PINS[0].read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"{module} is not in {PINS[0].name}")
    return found[1]


def missing() -> list[str]:
    """The programs that are not built yet."""
    return [name for name in PACKAGES if not (folder() / name).exists()]


def find() -> dict[str, Path]:
    """Every program by its name. Raises `Trouble` when they are not built."""
    if absent := missing():
        raise Trouble(f"no real Kubernetes here ({', '.join(absent)} not built): run `make tools`")
    return {name: folder() / name for name in PACKAGES}
