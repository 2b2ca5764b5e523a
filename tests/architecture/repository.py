"""The repository as the tests read it: its root, its files, its Python modules."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def files() -> tuple[Path, ...]:
    """Everything that is in git or would be with the next commit."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return tuple(path for name in sorted(set(names)) if name and (path := ROOT / name).is_file())


@cache
def modules() -> tuple[Path, ...]:
    """The product's own: neither its tests nor what tools wrote."""
    own = (path for path in files() if path.suffix == ".py" and "generated" not in path.parts)
    return tuple(path for path in own if path.relative_to(ROOT).parts[0] != "tests")


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def constants(tree: ast.Module) -> dict[str, object]:
    """What a module calls its literals."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
