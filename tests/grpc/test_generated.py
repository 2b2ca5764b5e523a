"""What is checked in is what the tool makes of the contract."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from runtime_grpc.generate import GENERATED, PROTO, PROTOS, generate

# Of the contract's runtime.proto, which is fixed: a change is a decision, and breaks no client.
CONTRACT = "e2a9341219056ea894549c5322bcb69a1277e630d8c901bb07b4ab2cb6134998"


def test_the_proto_is_the_contracts() -> None:
    assert hashlib.sha256((PROTOS / PROTO).read_bytes()).hexdigest() == CONTRACT


@pytest.mark.parametrize("generated", GENERATED, ids=lambda folder: folder.parent.name)
def test_generating_again_gives_the_same(tmp_path: Path, generated: Path) -> None:
    generate(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(made) == 3, "messages, their types, and what they were made with"
    assert {path: (generated / path).read_bytes() for path in made} == made


@pytest.mark.skipif(shutil.which("buf") is None, reason="buf is not on PATH")
def test_buf_has_nothing_to_say() -> None:
    ran = subprocess.run(["buf", "lint"], cwd=PROTOS, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
