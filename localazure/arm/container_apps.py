"""`Microsoft.App/containerApps`: an app is a template that becomes revisions, and a configuration that all of them share.

A PUT or PATCH whose template differs from the latest revision's makes a new revision (named by `revisionSuffix`, or
drawn); the same template makes none, so a repeated request is harmless. Secret values go in and never come out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from localazure.arm import shapes, traffic
from localazure.arm import template as rules
from localazure.arm.answer import Answer, Call
from localazure.arm.errors import ArmError, invalid_template
from localazure.arm.fleet import Fleet
from localazure.arm.kind import Kind
from localazure.arm.records import CHANGING, SUCCEEDED, Resource
from localazure.arm.revision_routes import RevisionRoutes
from localazure.arm.revisions import RevisionRecord
from localazure.arm.shapes import Shape
from localazure.layout import LOOPBACK

ENVIRONMENT_TAG, SERVICE_TAG = "cs-environment-id", "cs-service-id"


class ContainerApps(Kind):
    type: ClassVar[str] = "Microsoft.App/containerApps"
    shape: ClassVar[Shape] = shapes.CONTAINER_APP
    conflict: ClassVar[str] = "ContainerAppOperationInProgress"

    def __init__(self, fleet: Fleet, *, startup_seconds: float) -> None:
        super().__init__(fleet.records)
        self._fleet = fleet
        self._routes = RevisionRoutes(fleet, startup_seconds=startup_seconds)

    def check(self, call: Call, body: Mapping[str, Any], standing: Resource | None) -> None:
        rules.check(call.target.name, body)
        properties = body["properties"]
        environment = str(properties.get("environmentId") or properties.get("managedEnvironmentId"))
        if self.records.get(environment) is None:
            message = f"The environment '{environment}' for container app '{call.target.name}' does not exist."
            raise ArmError(400, "InvalidManagedEnvironmentId", message)

    def accept(self, resource: Resource, standing: Resource | None) -> None:
        """Decide whether there is a new revision, and write it down before the app that speaks of it."""
        made = self._new_revision(resource)
        known = {one.name for one in self._fleet.revisions.of(resource.key)}
        traffic.check(resource.properties, known | ({made.name} if made else set()))
        if made:
            resource.facts["latest"], resource.facts["count"] = made.name, made.number
            self._fleet.revisions.save(made)
        if (resource.properties.get("configuration") or {}).get("ingress"):
            ingress = self._fleet.ingress
            resource.facts["port"] = ingress.reserve(resource.key)
            for revision in self._fleet.revisions.of(resource.key):
                if revision.active:
                    ingress.reserve(revision.key)
        else:
            resource.facts.pop("port", None)

    def _new_revision(self, resource: Resource) -> RevisionRecord | None:
        template = resource.properties["template"]
        suffix = template.get("revisionSuffix") or ""
        named = self._fleet.revisions.get(resource.key, f"{resource.name}--{suffix}") if suffix else None
        if named:
            if rules.same(named.template, template):
                return None
            message = f'Invalid value: "{suffix}": revision with suffix {suffix} already exists.'
            raise invalid_template("template.revisionsuffix", message)
        latest = self._fleet.revisions.get(resource.key, resource.facts.get("latest", ""))
        if latest and not suffix and rules.same(latest.template, template):
            return None
        return self._drawn_up(resource, template, f"{resource.name}--{suffix or rules.drawn_suffix()}")

    def _drawn_up(self, resource: Resource, template: dict[str, Any], name: str) -> RevisionRecord:
        properties, tags = resource.properties, resource.tags
        secrets = (properties.get("configuration") or {}).get("secrets") or []
        environment = str(properties.get("environmentId") or properties.get("managedEnvironmentId"))
        return RevisionRecord(
            app=resource.key,
            name=name,
            number=int(resource.facts.get("count", 0)) + 1,
            template=template,
            environment=rules.process_environment(template["containers"][0], secrets),
            environment_id=tags.get(ENVIRONMENT_TAG, environment.rpartition("/")[2]),
            service_id=tags.get(SERVICE_TAG, resource.name),
        )

    async def realise(self, resource: Resource) -> None:
        await self._fleet.uphold(resource.key)

    async def remove(self, resource: Resource) -> None:
        await self._fleet.dismantle(resource.key)

    async def descend(self, call: Call, resource: Resource) -> Answer:
        if call.target.below[0].lower() != "revisions":
            return await super().descend(call, resource)
        if call.method == "POST" and resource.busy:
            raise self.busy(resource)
        return await self._routes.answer(call, resource)

    def properties(self, resource: Resource) -> dict[str, Any]:
        self._fleet.refresh(resource)
        properties = resource.properties
        properties.setdefault("managedEnvironmentId", properties.get("environmentId"))
        properties.setdefault("environmentId", properties["managedEnvironmentId"])
        latest = self._fleet.revisions.get(resource.key, resource.facts["latest"])
        running = {CHANGING: "Progressing", SUCCEEDED: "Running"}.get(resource.state, "Stopped")
        return {
            **properties,
            **self.provisioning(resource),
            "runningStatus": running,
            "latestRevisionName": resource.facts["latest"],
            "latestReadyRevisionName": resource.facts.get("latestReady", ""),
            "latestRevisionFqdn": self._routes.fqdn(resource, latest) if latest else "",
            "outboundIpAddresses": [LOOPBACK],
            "configuration": self._configuration(resource),
        }

    def _configuration(self, resource: Resource) -> dict[str, Any]:
        properties = resource.properties
        configuration = {"activeRevisionsMode": traffic.SINGLE, **(properties.get("configuration") or {})}
        if secrets := configuration.get("secrets"):
            hidden = [{key: value for key, value in secret.items() if key != "value"} for secret in secrets]
            configuration["secrets"] = hidden
        if ingress := configuration.get("ingress"):
            fqdn = f"{LOOPBACK}:{resource.facts['port']}"
            defaults = {"external": False, "transport": "Auto", "allowInsecure": False}
            configuration["ingress"] = {**defaults, **ingress, "traffic": traffic.declared(properties), "fqdn": fqdn}
        return configuration
