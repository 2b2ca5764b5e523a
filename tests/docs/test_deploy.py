"""The guide to a deployment says what the programs read.

What needs Pulumi's packages is in tests/infra: the outputs it names, and its first commands under the real engine.
"""

from __future__ import annotations

import ast
import re

from infra.provisioner.engine import PLATFORM
from tests.docs.pages import ROOT, page

GUIDE = page("docs/deploy.md")
READS = {"require", "require_secret", "get", "get_int", "get_object"}
DOCKERFILES = re.compile(r"cat > build/images/\w+\.Dockerfile <<'DOCKERFILE'\n(.*?)\nDOCKERFILE\n", re.DOTALL)
ARCHIVED = re.compile(r"^git archive HEAD (.*?) \|", re.MULTILINE)


def configuration(module: str) -> dict[str, bool]:
    """key -> whether the stack is refused without it, of every key that a module reads and spells."""
    found: dict[str, bool] = {}
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READS):
            continue
        if node.args and isinstance(node.args[0], ast.Constant) and ast.unparse(node.func.value) in ("config", "azure"):
            found[str(node.args[0].value)] = node.func.attr.startswith("require")
    return found


def given(prefix: str) -> set[str]:
    """Keys of a project that the guide's commands set."""
    return set(re.findall(rf"{prefix}:(\w+)", "\n".join(GUIDE.blocks("sh"))))


def test_it_sets_what_the_platforms_stack_asks_for_and_nothing_that_nobody_reads() -> None:
    read = configuration("infra/platform/described.py")
    from_table = {"oidcIssuer", "governanceUrl"}  # read by the names of a table there
    asked = {key for key, required in read.items() if required} | from_table
    ours = given("runtime-platform")
    assert asked - {"subscriptionId", "tenantId", "location"} <= ours
    assert {"subscriptionId", "tenantId", "location"} <= given("azure-native")
    assert ours <= read.keys() | from_table


def test_it_sets_what_a_pools_stack_asks_for() -> None:
    read = configuration("infra/pool/__main__.py")
    named = set(PLATFORM.values())  # in a loop, there as here
    ours = given("runtime-pool") - {""}
    assert {key for key, required in read.items() if required} - {"subscriptionId", "location"} <= ours
    assert ours <= read.keys() | named
    assert all(name in GUIDE.section("6 Pools") for name in named)


def test_images_are_made_of_what_is_there() -> None:
    copied = [
        line.split()[1:-1] for text in DOCKERFILES.findall(GUIDE.text) for line in text.splitlines() if "COPY" in line
    ]
    assert len(copied) == 6
    archived = ARCHIVED.findall("\n".join(GUIDE.blocks("sh")))[0].split()
    assert {name.split("/")[0] for names in copied for name in names} == set(archived)
    assert all((ROOT / name).exists() for names in copied for name in names)


def test_every_module_and_folder_it_runs_is_there() -> None:
    text = "\n".join(GUIDE.blocks("sh"))
    modules = {name for name in re.findall(r"python -m ([\w.]+)", text) if name.split(".")[0] in ("infra", "shared")}
    assert modules == {"infra.platform.package"}
    assert all((ROOT / f"{name.replace('.', '/')}.py").exists() for name in modules)
    assert all((ROOT / folder / "Pulumi.yaml").exists() for folder in re.findall(r"-C (infra/\w+)", text))
