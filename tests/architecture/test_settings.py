"""local.settings.sample.json holds what is read, all of it and nothing else."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping

from infra.provisioner.engine import PLATFORM
from shared.http.headers import SCHEMA_VERSION, SCHEMA_VERSION_HEADER
from shared.kernel.settings import BadSettings, read
from tests.architecture.indexed import FUNCTIONS, bindings
from tests.architecture.repository import ROOT, constants, modules, name

# Read by the Functions host and worker themselves.
HOSTS_OWN = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage", "AzureWebJobsDisableHomepage"}
# Put into a process by Azure, never set by people.
AZURES_OWN = {"CONTAINER_APP_JOB_EXECUTION_NAME"}
READERS = {"function_app.py", "infra/provisioner/__main__.py"}  # of the process environment
PERCENT = re.compile(r"%(\w+)%")


class Asked(Mapping[str, str]):
    """Holds nothing and remembers what it was asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self.names.add(key)
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def sample() -> dict[str, str]:
    document = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))
    values: dict[str, str] = document["Values"]
    return values


def read_by_the_kernel() -> set[str]:
    asked = Asked()
    try:
        read(asked)
    except BadSettings:
        return asked.names
    raise AssertionError("nothing is needed?")


def read_by_the_host() -> set[str]:
    host = (ROOT / "host.json").read_text(encoding="utf-8")
    every = [binding for function in FUNCTIONS for binding in bindings(function)]
    connections = {str(binding["connection"]) for binding in every if "connection" in binding}
    return set(PERCENT.findall(host + json.dumps(every, default=str))) | connections


def read_by_the_provisioner() -> set[str]:
    """`os.environ.get("X")`, `os.environ["X"]`, `os.environ.get(X)` with `X = "…"` in the module, or one of `PLATFORM`."""
    names: set[str] = set()
    for path in (path for path in modules() if name(path).startswith("infra/")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = constants(tree)
        for node in ast.walk(tree):
            asked = _asked_of_environ(node)
            if isinstance(asked, ast.Constant):
                names.add(str(asked.value))
            elif isinstance(asked, ast.Name):
                names |= {str(named[asked.id])} if asked.id in named else set(PLATFORM)
    return names - AZURES_OWN


def _asked_of_environ(node: ast.AST) -> ast.expr | None:
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv"):
        return node.args[0]
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
        return node.slice
    return None


def test_the_sample_holds_exactly_what_is_read() -> None:
    wanted = read_by_the_kernel() | read_by_the_host() | read_by_the_provisioner()
    assert HOSTS_OWN & wanted == set()
    assert set(sample()) - HOSTS_OWN == wanted


def test_the_sample_is_texts_and_carries_no_secret() -> None:
    values = sample()
    assert all(isinstance(value, str) for value in values.values())
    for setting in ("RUNTIME_SIGNING_KEY", "OIDC_DECRYPTION_KEY", "ServiceBus"):
        assert values[setting] == ""
    assert values["TABLES_CONNECTION"] in ("", "UseDevelopmentStorage=true")


def test_only_two_places_read_the_environment() -> None:
    """The app, once, and the provisioner, once: everything else is given its settings."""
    readers = {
        name(path)
        for path in modules()
        if name(path).split("/")[0] in ("shared", "blueprints", "infra", "function_app.py")
        and re.search(r"\bos\.(?:environ|getenv)\b", path.read_text(encoding="utf-8"))
    }
    assert readers == READERS


def test_the_schema_version_of_the_host_is_the_apps() -> None:
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    assert host["extensions"]["http"]["routePrefix"] == ""
    assert host["extensions"]["http"]["customHeaders"][SCHEMA_VERSION_HEADER] == SCHEMA_VERSION
