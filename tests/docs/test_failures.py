"""The guide has every code of its own that an operation may end with, read off the code that says it, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from shared.operations.procedure import CANCELED
from shared.runtime.rollout.gate import Verdict
from tests.architecture.repository import constants
from tests.docs.pages import ROOT, first_column, page, quoted

GUIDE = page("docs/operator/failures.md")
SAID_BY = ("shared", "infra/provisioner", "blueprints")
AT = {"Refused": 1, "refused": 0, "StepFailed": 0, "OperationError": 0, "_failed": 1}  # where a code stands among arguments
NO_OPERATION = {"StackMissing", "NoCredential"}  # of a look at the infrastructure, and of a process that starts
SUSPENDED = "TenantSuspended"  # an error that ends an operation, too; the others of its kind are only linked
CODE = re.compile(r"[A-Z][A-Za-z]+")


def modules() -> Iterator[ast.Module]:
    for path in (one for folder in SAID_BY for one in sorted((ROOT / folder).rglob("*.py"))):
        yield ast.parse(Path(path).read_text(encoding="utf-8"))


def spelled(tree: ast.Module) -> Iterator[str]:
    literals = constants(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func).rpartition(".")[2]
        named = [one.value for one in call.keywords if one.arg == "code"]
        found = named or call.args[AT[name] :][:1] if name in AT else []
        for value in (one.orelse if isinstance(one, ast.IfExp) else one for one in found):
            said = literals.get(value.id) if isinstance(value, ast.Name) else getattr(value, "value", None)
            if isinstance(said, str) and CODE.fullmatch(said):
                yield said


def told() -> set[str]:
    return {code for cell in first_column(GUIDE.text) for code in quoted(cell) if code != "code"}


def test_every_code_that_an_operation_may_end_with_is_told() -> None:
    said = {code for tree in modules() for code in spelled(tree)}
    assert {"SecretMissing", "NothingToAdopt", "DeadlineExceeded", "ProvisionerFailed", "DependencyUnavailable"} <= said
    gates = {f"Gate{verdict}" for verdict in Verdict if verdict is not Verdict.PASSED}
    of_registries = {"ImageNotFound", "ImageAccessDenied"}
    assert told() == (said - NO_OPERATION) | gates | of_registries | {CANCELED, SUSPENDED}


def test_each_says_what_it_means_and_what_to_do() -> None:
    rows = re.findall(r"^\| `.+$", GUIDE.text, re.MULTILINE)
    assert all(
        len([cell for cell in row.strip("|").split(" | ") if cell.strip()]) == 3 for row in rows if "`code`" not in row
    )
