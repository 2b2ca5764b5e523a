"""The page's types (`make schemas`): `ui/types/api.d.ts`, made by openapi-typescript from the API's own description.

What the page reads and sends, and no more: the parameters in paths and queries, bodies, what a success answers. Paths are
those below `/v1/runtime`, as the page writes them. The file is for the checker (`tsc -p ui`) alone and is never served.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import function_app
from localazure.supervisor.node import find_node
from shared.http.openapi.description import document

ROOT = Path(__file__).resolve().parent.parent
PATH = ROOT / "ui" / "types" / "api.d.ts"
GENERATOR = ROOT / "node_modules" / "openapi-typescript" / "bin" / "cli.js"
PREFIX = "/v1/runtime"
SECONDS = 120


def rendered() -> str:
    """The file's text. Raises `CalledProcessError` where the generator refuses the description."""
    described = document(function_app.endpoints.table, "https://issuer.example")
    command = [find_node(), str(GENERATOR), "--default-non-nullable=false"]
    ran = subprocess.run(  # noqa: S603 — our own Node.js and the package that the lock file pins
        command, input=json.dumps(_reduced(described)), capture_output=True, text=True, timeout=SECONDS, check=True
    )
    return ran.stdout


def _reduced(described: Mapping[str, Any]) -> dict[str, Any]:
    paths = {
        path.removeprefix(PREFIX): {method: _operation(operation) for method, operation in item.items()}
        for path, item in described["paths"].items()
    }
    schemas = described["components"]["schemas"]
    return {"openapi": described["openapi"], "info": described["info"], "paths": paths, "components": {"schemas": schemas}}


def _operation(operation: Mapping[str, Any]) -> dict[str, Any]:
    parameters = [one for one in operation.get("parameters", ()) if one.get("in") in ("path", "query")]
    answers = {
        status: {"description": "", "content": answer.get("content", {})}
        for status, answer in operation["responses"].items()
        if status.startswith("2")
    }
    body = {name: operation[name] for name in ("requestBody",) if name in operation}
    return {"parameters": parameters, **body, "responses": answers}


def write() -> None:
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(rendered(), encoding="utf-8")
