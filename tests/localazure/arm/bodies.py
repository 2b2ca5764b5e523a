"""Ids and bodies that the tests share."""

from __future__ import annotations

from typing import Any

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-test"
ENVIRONMENT = f"{GROUP}/providers/Microsoft.App/managedEnvironments/cae"
APP = f"{GROUP}/providers/Microsoft.App/containerApps/orders"
JOB = f"{GROUP}/providers/Microsoft.App/jobs/provisioner"
TAGS = {"cs-environment-id": "env-0123456789abcdef", "cs-service-id": "orders"}
SERVICE = ("env-0123456789abcdef", "orders")


def located(**rest: Any) -> dict[str, Any]:
    return {"location": "westeurope", **rest}


async def environment(arm: Any) -> None:
    await arm.put(GROUP, body=located(tags={"a": "b"}))
    await arm.put(ENVIRONMENT, body=located(properties={}))


def app(
    image: str = "registry.example/orders:1",
    suffix: str | None = "v1",
    *,
    mode: str = "Multiple",
    traffic: list[dict[str, Any]] | None = None,
    replicas: int = 1,
    env: list[dict[str, str]] | None = None,
    secrets: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    template: dict[str, Any] = {
        "containers": [{"name": "orders", "image": image, "env": env or []}],
        "scale": {"minReplicas": replicas, "maxReplicas": 10},
    }
    if suffix:
        template["revisionSuffix"] = suffix
    ingress = {"external": True, "targetPort": 8080, "traffic": traffic or [{"latestRevision": True, "weight": 100}]}
    configuration: dict[str, Any] = {"activeRevisionsMode": mode, "ingress": ingress}
    if secrets:
        configuration["secrets"] = secrets
    properties = {"environmentId": ENVIRONMENT, "configuration": configuration, "template": template}
    return located(tags=TAGS, properties=properties)
