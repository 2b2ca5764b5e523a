"""`make run`: `python -m localazure up` and, once it serves, where things are and a request to paste."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Mapping
from typing import Any

from localazure import cli
from localazure.issuer import ALL_SCOPES
from localazure.layout import Layout
from localazure.supervisor.run import announce
from localazure.supervisor.settings import OTLP

HOUR = 3600


def guide(layout: Layout, serving: Mapping[str, Any]) -> None:
    """The Ready line, then the guide for a person."""
    announce(layout, serving)
    places = {
        "page": f"{serving['api']}/ui/",
        "API": f"{serving['api']}/v1/runtime",
        "health": f"{serving['api']}/health",
        "control API": serving["control"],
        "token issuer": serving["issuer"],
        "telemetry": f"{serving['telemetry'][OTLP]} ({OTLP}; the app tells it with --telemetry)",
        "kubeconfig": layout.kubeconfig,
        "logs": layout.logs,
    }
    lines = [f"  {name:<13} {place}" for name, place in places.items()]
    text = "\n".join(
        ["", "The Runtime & Cloud Platform serves. Ctrl-C ends it.", *lines, "", "Try it (a token for one hour):"]
    )
    sys.stdout.write(f"{text}\n{request(layout, serving['api'])}\n\n")
    sys.stdout.flush()


def request(layout: Layout, api: str) -> str:
    """One line for a shell: the seed's first example, under a name that is not taken yet."""
    token = cli.mint(layout.data, "connectsoft", " ".join(ALL_SCOPES), "local-operator", "local-client", HOUR)
    body = {
        "tenantId": "connectsoft",
        "projectId": "proj-booking-saas",
        "name": f"booking-prod-{secrets.token_hex(2)}",
        "stage": "prod",
        "region": "westeurope",
        "isolationModel": "silo",
        "computeTargets": ["aks", "container-apps", "functions", "app-service"],
    }
    headers = f"-H 'Authorization: Bearer {token}' -H 'Content-Type: application/json'"
    return f"curl -sS -X POST {api}/v1/runtime/environments {headers} -d '{json.dumps(body)}'"


if __name__ == "__main__":
    sys.exit(cli.main(["up", *sys.argv[1:]], ready=guide))
