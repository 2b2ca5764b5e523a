"""The uniform part of ARM: PUT, PATCH, GET, HEAD, DELETE and lists work alike for every type of resource.

A request that changes a resource is refused with 409 while an operation on it is in progress, and a resource is written
in one synchronous stretch after its operation: no reader sees half a change, no crash leaves one behind.
"""

from __future__ import annotations

from typing import Any

from localazure.arm import shapes
from localazure.arm.answer import Answer, Call, listing
from localazure.arm.bodies import check_location, merged
from localazure.arm.errors import ArmError, group_not_found, method_not_allowed, not_implemented, resource_not_found
from localazure.arm.kind import Kind
from localazure.arm.operations import Effect, Operation, Operations
from localazure.arm.records import CHANGING, DELETING, FAILED, SUCCEEDED, Records, Resource
from localazure.arm.target import Target
from localazure.shelf import Shelf

SERVICE_OWNED = {"id", "name", "type", "systemData", "etag", "eTag"}
GROUP = "Microsoft.Resources/resourceGroups"


class Resources:
    def __init__(self, shelf: Shelf, records: Records, *, endpoint: str, delay_seconds: float) -> None:
        self.records = records
        self.operations = Operations(shelf, self._effect, endpoint=endpoint, delay_seconds=delay_seconds)
        self.actions: dict[str, Effect] = {}  # what other operations than "put" and "delete" do
        self._kinds: dict[str, Kind] = {}

    def emulate(self, *kinds: Kind) -> None:
        self._kinds.update({kind.type.lower(): kind for kind in kinds})

    def kind(self, type_name: str) -> Kind:
        """Raises 501 for a type that is not emulated."""
        if (kind := self._kinds.get((type_name or GROUP).lower())) is None:
            raise not_implemented(f"resources of type '{type_name}'")
        return kind

    async def answer(self, call: Call) -> Answer:
        """Raises `ArmError` for whatever ARM refuses."""
        target = call.target
        if target.type.lower().endswith("/locations") and len(target.below) == 2:
            return self.operations.answer(call)
        kind = self.kind(target.type)
        if not target.name:
            return self._list(call, kind)
        if target.below:
            return await kind.descend(call, self._standing(target))
        methods = {"GET": self._get, "HEAD": self._head, "PUT": self._put, "PATCH": self._patch, "DELETE": self._delete}
        if call.method not in methods:
            raise method_not_allowed(call.method)
        return methods[call.method](call, kind)

    def _get(self, call: Call, kind: Kind) -> Answer:
        return Answer(200, kind.render(self._standing(call.target)))

    def _head(self, call: Call, kind: Kind) -> Answer:
        return Answer(204 if self.records.get(call.target.key) else 404)

    def _list(self, call: Call, kind: Kind) -> Answer:
        if call.method != "GET":
            raise method_not_allowed(call.method)
        if "$filter" in call.query:
            raise not_implemented("'$filter'")
        target = call.target
        if not target.type:
            prefix = f"/subscriptions/{target.subscription}/".lower()
            return listing([kind.render(found) for found in self.records.of_type(GROUP) if found.key.startswith(prefix)])
        self._group(target, changing=False)
        return listing(kind.listed(call))

    def _put(self, call: Call, kind: Kind) -> Answer:
        target = call.target
        if target.type:
            self._group(target, changing=True)
        standing = self._unchanging(target, kind)
        body = {key: value for key, value in call.body.items() if key not in SERVICE_OWNED}
        check_location(body, standing, required=kind.located)
        resource = self._accept(call, kind, body, standing)
        status = 200 if standing else 201
        if not kind.lasting:
            resource.state = SUCCEEDED
            self.records.save(resource)
            kind.written(resource)
            return Answer(status, kind.render(resource))
        operation = self._begin(call, resource, "put")
        return Answer(status, kind.render(resource), self.operations.headers(operation))

    def _patch(self, call: Call, kind: Kind) -> Answer:
        standing = self._standing(call.target)
        if standing.busy:
            raise kind.busy(standing)
        change = {key: value for key, value in call.body.items() if key not in SERVICE_OWNED}
        resource = self._accept(call, kind, merged(standing.body, change), standing)
        if not kind.lasting:
            resource.state = SUCCEEDED
            self.records.save(resource)
            kind.written(resource)
            return Answer(200, kind.render(resource))
        operation = self._begin(call, resource, "put")
        return Answer(202, None, self.operations.headers(operation, location=True))

    def _delete(self, call: Call, kind: Kind) -> Answer:
        resource = self.records.get(call.target.key)
        if resource is None:
            if not call.target.type:
                raise group_not_found(call.target.name)
            return Answer(204)
        if resource.busy:
            raise kind.busy(resource)
        kind.removable(resource)
        if not kind.lasting and call.target.type:
            document = kind.render(resource)
            self.records.drop(resource.key)
            kind.written(resource)
            return Answer(200, document)
        operation = self._begin(call, resource, "delete", DELETING)
        return Answer(202, None, self.operations.headers(operation, location=True))

    def change(self, call: Call, resource: Resource) -> None:
        """Apply a changed body without a client that waits for it: what somebody does behind the platform's back."""
        kind = self.kind(resource.type)
        self._begin(call, self._accept(call, kind, dict(call.body), resource), "put")

    def remove(self, call: Call, resource: Resource) -> None:
        """Delete likewise."""
        self._begin(call, resource, "delete", DELETING)

    def _accept(self, call: Call, kind: Kind, body: dict[str, Any], standing: Resource | None) -> Resource:
        shapes.check(body, shapes.resource(kind.shape))
        kind.check(call, body, standing)
        target = call.target
        if standing:
            old = standing
            resource = Resource(old.id, old.type, old.name, body, CHANGING, dict(old.facts), old.created)
        else:
            resource = Resource(target.id, kind.type, target.name, body, CHANGING)
            if target.type and not target.parent:
                resource.id = f"{self._spelled(target)}/providers/{kind.type}/{target.name}"
        kind.accept(resource, standing)
        return resource

    def _begin(self, call: Call, resource: Resource, action: str, state: str = CHANGING) -> Operation:
        operation = self.operations.begin(call, resource.key, action, str(resource.body.get("location", "")))
        resource.state = state
        self.records.save(resource)
        self.operations.run(operation)
        return operation

    async def _effect(self, operation: Operation) -> None:
        if action := self.actions.get(operation.action):
            return await action(operation)
        if (resource := self.records.get(operation.key)) is None:
            if operation.action == "put":
                raise ArmError(404, "ResourceNotFound", "The resource was never written.")
            return
        kind = self.kind(resource.type)
        if operation.action == "delete":
            await kind.remove(resource)
            self.records.drop(resource.key)
            return
        try:
            await kind.realise(resource)
        except Exception:  # whatever the effect raises: the resource must not stay in the making; the operation says why
            self._settle(operation.key, FAILED)
            raise
        self._settle(operation.key, SUCCEEDED)

    def _settle(self, key: str, state: str) -> None:
        if resource := self.records.get(key):  # read again: the effect may have changed its facts
            resource.state = state
            self.records.save(resource)

    def _standing(self, target: Target) -> Resource:
        if (resource := self.records.get(target.key)) is None:
            if not target.type:
                raise group_not_found(target.name)
            self._group(target, changing=False)
            raise resource_not_found(target.type, target.name, target.group)
        return resource

    def _unchanging(self, target: Target, kind: Kind) -> Resource | None:
        resource = self.records.get(target.key)
        if resource and resource.busy:
            raise kind.busy(resource)
        return resource

    def _group(self, target: Target, *, changing: bool) -> None:
        """The group of the target must exist, and not be going when something in it is to change."""
        if not target.group:
            return
        group = self.records.get(f"/subscriptions/{target.subscription}/resourcegroups/{target.group}")
        if group is None:
            raise group_not_found(target.group)
        if changing and group.busy:
            raise self.kind("").busy(group)

    def _spelled(self, target: Target) -> str:
        """The scope as its own resource spells it: ids keep the case of their creation."""
        scope = self.records.get(target.scope)
        return scope.id if scope else target.scope
