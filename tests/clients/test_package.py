"""What `pip install ./clients` installs: whole, typed, and without the platform. setuptools comes with grpcio-tools."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "clients"
BUILD = "import sys, setuptools.build_meta as backend; print(backend.build_wheel(sys.argv[1]))"
USE = """
import sys
sys.path.insert(0, sys.argv[1])
exec(open(sys.argv[2]).read())
import asyncio
import runtime_client
assert runtime_client.__file__.startswith(sys.argv[1])
ours = {name.partition(".")[0] for name in sys.modules}
print(sorted(ours & {"clients", "shared", "blueprints", "runtime_grpc", "localazure", "infra"}))
try:
    asyncio.run(release("http://127.0.0.1:1", "127.0.0.1:1", "token", "env-1"))
except runtime_client.Unavailable as gone:
    print(gone.code)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy, unpacked: building leaves files behind."""
    here = tmp_path_factory.mktemp("package")
    source = shutil.copytree(CLIENTS, here / "clients", ignore=shutil.ignore_patterns("__pycache__"))
    built = subprocess.run([sys.executable, "-c", BUILD, here], cwd=source, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stderr
    (wheel,) = here.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(here / "site")
    return here / "site"


def test_it_has_every_module_its_types_and_its_page(installed: Path) -> None:
    package = CLIENTS / "runtime_client"
    wanted = {path.relative_to(CLIENTS) for path in package.rglob("*") if path.suffix in {".py", ".pyi", ".typed"}}
    found = {path.relative_to(installed) for path in installed.rglob("*") if path.is_file()}
    assert wanted <= found
    assert Path("runtime_client/py.typed") in found
    (metadata,) = installed.glob("*.dist-info/METADATA")
    assert (CLIENTS / "README.md").read_text().strip() in metadata.read_text()


def test_the_pages_code_runs_on_the_package_alone(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    block = (CLIENTS / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    (tmp_path / "block.py").write_text(block.replace("Runtime(api, token)", "Runtime(api, token, patience=0)"))
    command = [sys.executable, "-W", "error", "-c", USE, str(installed), str(tmp_path / "block.py")]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout.split("\n")[:2]) == (0, ["[]", "NoAnswer"]), ran.stderr


def test_its_version_is_the_platforms_and_its_needs_are_what_the_platform_is_tested_with() -> None:
    own, whole = (tomllib.loads((folder / "pyproject.toml").read_text())["project"] for folder in (CLIENTS, ROOT))
    assert own["version"] == whole["version"]
    locked = (ROOT / "tests" / "requirements.txt").read_text()
    for need in own["dependencies"]:
        assert f"\n{need.partition('>')[0]}==" in locked
