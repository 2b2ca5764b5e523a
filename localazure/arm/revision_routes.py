"""`…/containerApps/{app}/revisions/…`: lists, activate, deactivate, restart, replicas.

Changes are synchronous and answer 200 without a body, as the management SDK expects.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from localazure.arm import template as rules
from localazure.arm.answer import Answer, Call, listing
from localazure.arm.errors import ArmError, method_not_allowed, not_implemented
from localazure.arm.fleet import Fleet
from localazure.arm.records import Resource
from localazure.arm.revisions import RevisionRecord, render_replica, running_state
from localazure.layout import LOOPBACK


class RevisionRoutes:
    def __init__(self, fleet: Fleet, *, startup_seconds: float) -> None:
        self._fleet = fleet
        self._startup_seconds = startup_seconds

    async def answer(self, call: Call, app: Resource) -> Answer:
        """Raises `ArmError` for unknown revisions and for what is not emulated."""
        self._fleet.refresh(app)
        match call.method, [segment.lower() for segment in call.target.below[1:]]:
            case "GET", []:
                if "$filter" in call.query:
                    raise not_implemented("'$filter'")
                return listing([self.render(app, revision) for revision in self._fleet.revisions.of(app.key)])
            case "GET", [name]:
                return Answer(200, self.render(app, self._find(app, name)))
            case "GET", [name, "replicas"]:
                revision = self._find(app, name)
                return listing([render_replica(app.id, revision, one) for one in self._fleet.replicas(revision)])
            case "GET", [name, "replicas", replica]:
                return self._replica(app, self._find(app, name), replica)
            case "POST", [name, "activate" | "deactivate" | "restart" as action]:
                await self._act(app, self._find(app, name), action)
                return Answer(200)
            case "GET" | "POST", _:
                raise not_implemented(f"'{'/'.join(call.target.below)}' of a container app")
        raise method_not_allowed(call.method)

    def render(self, app: Resource, revision: RevisionRecord) -> dict[str, Any]:
        replicas = self._fleet.replicas(revision)
        state, health = running_state(revision, replicas, self._startup_seconds)
        return {
            "id": f"{app.id}/revisions/{revision.name}",
            "name": revision.name,
            "type": "Microsoft.App/containerApps/revisions",
            "properties": {
                "createdTime": revision.created,
                "lastActiveTime": datetime.fromtimestamp(revision.activated, UTC).isoformat(),
                "fqdn": self.fqdn(app, revision),
                "template": revision.template,
                "active": revision.active,
                "replicas": len(replicas),
                "trafficWeight": self._fleet.split(app).get(revision.name, 0),
                "healthState": health,
                "runningState": state,
                "provisioningState": "Provisioned" if revision.provisioned else "Provisioning",
            },
        }

    def fqdn(self, app: Resource, revision: RevisionRecord) -> str:
        """Empty without ingress, and for an inactive revision, which nothing reaches."""
        if not revision.active or "port" not in app.facts:
            return ""
        return f"{LOOPBACK}:{self._fleet.ingress.reserve(revision.key)}"

    async def _act(self, app: Resource, revision: RevisionRecord, action: str) -> None:
        if action == "restart":
            if not revision.active:
                raise ArmError(400, "RevisionNotActive", f"The revision '{revision.name}' is not active.")
            revision.activated = time.time()
            secrets = (app.properties.get("configuration") or {}).get("secrets") or []
            revision.environment = rules.process_environment(revision.template["containers"][0], secrets)
            self._fleet.revisions.save(revision)
            await self._fleet.restart(app.key, revision)
            return
        active = action == "activate"
        if active and not revision.active:
            revision.activated = time.time()
        revision.active = active
        self._fleet.revisions.save(revision)
        await self._fleet.uphold(app.key)

    def _replica(self, app: Resource, revision: RevisionRecord, name: str) -> Answer:
        for replica in self._fleet.replicas(revision):
            if replica.name.lower() == name:
                return Answer(200, render_replica(app.id, revision, replica))
        raise ArmError(404, "ReplicaNotFound", f"The replica '{name}' of revision '{revision.name}' does not exist.")

    def _find(self, app: Resource, name: str) -> RevisionRecord:
        if (revision := self._fleet.revisions.get(app.key, name)) is None:
            raise ArmError(404, "RevisionNotFound", f"The revision '{name}' of '{app.name}' does not exist.")
        return revision
