"""What the page about `localazure` says is there is there, and nothing else is."""

from __future__ import annotations

import ast
import re

from localazure.control.faults import Mode
from localazure.kubernetes.kinds import KINDS
from tests.docs.pages import ROOT, first_column, page, quoted

PAGE = page("docs/localazure.md")
ARM_TYPE = re.compile(r"Microsoft\.\w+(?:/\w+)+")
ROUTE = re.compile(r"(?:GET|POST) (/\S+)")


def arm_types() -> set[str]:
    """Every type that the ARM stand-in spells."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "localazure" / "arm").rglob("*.py")]
    constants = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return {value for value in constants if isinstance(value, str) and ARM_TYPE.fullmatch(value)}


def routes() -> set[str]:
    text = (ROOT / "localazure" / "control" / "endpoints.py").read_text(encoding="utf-8")
    return set(re.findall(r'Route\("(/[\w/]+)"', text)) - {"/health"}


def test_the_types_of_arm_are_those_that_it_knows() -> None:
    assert set(quoted(PAGE.section("Types of ARM"))) == arm_types()


def test_the_resources_of_kubernetes_are_those_that_it_serves() -> None:
    served = {f"{kind.plural}.{kind.group}".rstrip(".") for kind in KINDS}
    assert set(quoted(PAGE.section("Resources of Kubernetes"))) == served


def test_the_ways_to_make_things_go_wrong_are_those_of_the_control_api() -> None:
    cells = first_column(PAGE.section("Making things go wrong"))
    assert {path for cell in cells for path in ROUTE.findall(" ".join(quoted(cell)))} == routes()


def test_every_fault_is_named() -> None:
    assert set(Mode) <= set(quoted(PAGE.section("Making things go wrong")))


def test_every_stand_in_has_its_row() -> None:
    packages = {path.parent.name for path in (ROOT / "localazure").glob("*/__init__.py")}
    rows = {
        "host": "Functions host",
        "tables": "Azurite",
        "service_bus": "Service Bus",
        "key_vault": "Key Vault",
        "arm": "ARM",
        "registry": "Container registry",
        "kubernetes": "Kubernetes API",
        "kubernetes_real": "a real Kubernetes (`--kubernetes real`)",
        "issuer": "OIDC issuer",
        "policy": "Policy point",
        "identity": "Managed identity",
        "tls": "TLS proxy",
        "workloads": "Workload runner",
    }
    no_stand_ins = {"control", "engine", "nodes", "services", "supervisor"}
    assert packages - no_stand_ins == rows.keys()
    assert set(rows.values()) <= set(first_column(PAGE.section("What is not there")))
