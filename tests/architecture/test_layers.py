"""Arrows point down, and what a cold start imports is what it needs."""

from __future__ import annotations

import subprocess
import sys
import tomllib

from tests.architecture.repository import ROOT

# What a GET does not need, or needs only once it is asked for: each costs a cold start 50 ms or more.
NOT_AT_IMPORT = [
    "azure.core",
    "azure.data.tables",
    "azure.identity",
    "azure.keyvault",
    "azure.servicebus",
    "cryptography",
    "grpc",
    "httpx",
    "lightkube",
    "localazure",
    "pulumi",
]


def test_the_contracts_of_the_layers_are_kept() -> None:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
        "--no-cache",
    ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]


def test_every_package_of_the_runtime_has_its_place_in_the_layers() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(contract for contract in linter["contracts"] if contract["type"] == "layers")["layers"]
    placed = {name.strip() for layer in layers for name in layer.split("|")}
    packages = {f"shared.runtime.{path.parent.name}" for path in (ROOT / "shared" / "runtime").glob("*/__init__.py")}
    assert packages - placed == set()


def test_the_app_is_indexed_without_the_sdks() -> None:
    """Azure imports function_app at every cold start; the platform's own SDKs come with the first call that needs them.
    `durable_functions` itself brings aiohttp."""
    code = "import sys, function_app; print(*sorted(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, env={})
    assert ran.returncode == 0, ran.stderr
    imported = set(ran.stdout.split())
    assert {"function_app", "azure.functions", "azure.durable_functions"} <= imported
    assert imported.intersection(NOT_AT_IMPORT) == set()
