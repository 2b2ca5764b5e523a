"""Which outputs of an environment the app reads, found in its source: what every engine has to put out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from shared.runtime.decommissioning.service import RESOURCES
from shared.targets.web_site_bodies import APP_SERVICE, FUNCTIONS

SHARED = Path(__file__).parents[2] / "shared"
# Reads whose key is not spelled where it is read, by the expression that stands there.
INDIRECT = {
    "flavour.plan": {FUNCTIONS.plan, APP_SERVICE.plan},
    "output": {"identityClientId", "directoryId"},  # aks_secrets: parameters of the driver
    "name": set(RESOURCES),  # decommissioning: what will be gone
}


def read_outputs() -> set[str]:
    """Every key. Raises `KeyError` for a read that is neither spelled nor known here."""
    found: set[str] = set()
    for path in SHARED.rglob("*.py"):
        for key in _keys(ast.parse(path.read_text())):
            found |= {key.value} if isinstance(key, ast.Constant) else INDIRECT[ast.unparse(key)]
    return {str(key) for key in found}


def _keys(tree: ast.AST) -> Iterator[ast.expr]:
    """The key of each `….outputs[key]` and `….outputs.get(key)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _is_outputs(node.value):
            yield node.slice
        elif isinstance(node, ast.Call) and _is_get(node.func):
            yield node.args[0]


def _is_get(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "get" and _is_outputs(node.value)


def _is_outputs(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "outputs"
