"""What lies below a site or a slot: configuration, start, stop, restart, instances, functions, and the swap.

Everything but the swap is answered at once. A swap is a long-running operation on both places and needs both to run, as in
App Service (Azure/azure-functions-host#10722); its effect is noted on the site, so that one that is run again after a crash
does not swap back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from localazure.arm.answer import Answer, Call, listing
from localazure.arm.errors import ArmError, not_implemented
from localazure.arm.operations import Operation, Operations
from localazure.arm.records import CHANGING, SUCCEEDED, Resource
from localazure.arm.web import places
from localazure.arm.web.fleet import WebFleet

SWAP = "slotsswap"
Handler = Callable[[Call, Resource], Awaitable[Answer]]
# What every image of a function app is taken to hold: one function that is called, one that consumes.
FUNCTIONS = {"health": "httpTrigger", "worker": "serviceBusTrigger"}


class SiteRoutes:
    def __init__(self, fleet: WebFleet, operations: Operations) -> None:
        self._fleet = fleet
        self._records = fleet.records
        self._operations = operations
        self._handlers: dict[tuple[str, str], Handler] = {
            ("POST", "config/appsettings/list"): self._settings,
            ("PUT", "config/appsettings"): self._set,
            ("GET", "config/web"): self._web,
            ("GET", "config/slotconfignames"): self._sticky,
            ("PUT", "config/slotconfignames"): self._sticky,
            ("POST", "start"): self._start,
            ("POST", "stop"): self._stop,
            ("POST", "restart"): self._restart,
            ("POST", SWAP): self._swap,
            ("GET", "instances"): self._instances,
            ("GET", "functions"): self._functions,
        }

    async def answer(self, call: Call, place: Resource) -> Answer:
        """Raises `ArmError` for what App Service refuses, and 501 for what is not emulated."""
        below = "/".join(call.target.below)
        if (handler := self._handlers.get((call.method, below.lower()))) is None:
            raise not_implemented(f"'{call.method} {below}' of a site")
        return await handler(call, place)

    async def swapped(self, operation: Operation) -> None:
        """The effect of a swap, once per operation."""
        slot = self._records.get(operation.key)
        site = self._records.get(places.site_key(slot)) if slot else None
        if slot is None or site is None:
            raise ArmError(404, "NotFound", "A place of the swap is gone.")
        try:
            if site.facts.get("swapped") != operation.id:
                places.swap(site, slot)
                site.facts["swapped"] = operation.id
                self._records.save(site)
                self._records.save(slot)
            await self._fleet.uphold(site.key)
            await self._fleet.uphold(slot.key)
        finally:
            for key in (site.key, slot.key):
                if place := self._records.get(key):
                    place.state = SUCCEEDED
                    self._records.save(place)

    async def _settings(self, _call: Call, place: Resource) -> Answer:
        return _child(place, "config", "appsettings", places.settings(place))

    async def _set(self, call: Call, place: Resource) -> Answer:
        given = call.body.get("properties") or {}
        place.facts["settings"] = {name: str(value) for name, value in given.items()}
        places.touch(place)
        self._records.save(place)
        await self._fleet.uphold(place.key)
        return await self._settings(call, place)

    async def _web(self, _call: Call, place: Resource) -> Answer:
        return _child(place, "config", "web", {**places.config(place), "appSettings": None})

    async def _sticky(self, call: Call, site: Resource) -> Answer:
        """Of the site alone: its slots share the names."""
        if not places.is_production(site):
            raise not_implemented("the slot configuration names of a slot")
        if call.method == "PUT":
            site.facts["sticky"] = list((call.body.get("properties") or {}).get("appSettingNames") or ())
            self._records.save(site)
        return _child(site, "config", "slotConfigNames", {"appSettingNames": site.facts.get("sticky", [])})

    async def _start(self, _call: Call, place: Resource) -> Answer:
        return await self._turn(place, stopped=False)

    async def _stop(self, _call: Call, place: Resource) -> Answer:
        return await self._turn(place, stopped=True)

    async def _turn(self, place: Resource, *, stopped: bool) -> Answer:
        place.facts["stopped"] = stopped
        if not stopped:
            place.body["properties"] = {**place.properties, "enabled": True}
        places.touch(place)
        self._records.save(place)
        await self._fleet.uphold(place.key)
        return Answer(200)

    async def _restart(self, _call: Call, place: Resource) -> Answer:
        await self._fleet.restart(place)
        return Answer(200)

    async def _instances(self, _call: Call, place: Resource) -> Answer:
        running = self._fleet.replicas(place)
        return listing([_document(place, "instances", one.name, {"state": _state(one.ready)}) for one in running])

    async def _functions(self, _call: Call, place: Resource) -> Answer:
        held = FUNCTIONS if places.is_function_app(place) else {}
        return listing([_function(place, name, trigger) for name, trigger in held.items()])

    async def _swap(self, call: Call, place: Resource) -> Answer:
        site, slot = self._pair(call, place)
        for each in (site, slot):
            if each.busy:
                raise ArmError(409, "Conflict", f"Cannot modify '{each.name}': another operation is in progress.")
            if not places.runs(each):
                raise ArmError(409, "Conflict", f"Cannot swap site slots because '{each.name}' is stopped.")
        operation = self._operations.begin(call, slot.key, SWAP, str(site.body.get("location", "")))
        for each in (site, slot):
            each.state = CHANGING
            self._records.save(each)
        self._operations.run(operation)
        return Answer(202, None, self._operations.headers(operation, asynchronous=False, location=True))

    def _pair(self, call: Call, place: Resource) -> tuple[Resource, Resource]:
        """The production site and the slot that are to be swapped. Raises 404, and 501 for two slots."""
        wanted = str(call.body.get("targetSlot") or "")
        own = places.PRODUCTION if places.is_production(place) else place.name
        if places.PRODUCTION not in (own, wanted) or own == wanted:
            raise not_implemented(f"a swap of '{own}' with '{wanted}'")
        name = wanted if own == places.PRODUCTION else own
        site = self._records.get(places.site_key(place))
        slot = self._records.get(f"{places.site_key(place)}/slots/{name}")
        if site is None or slot is None:
            raise ArmError(404, "NotFound", f"The slot '{name}' was not found.")
        return site, slot


def _child(place: Resource, kind: str, name: str, properties: dict[str, Any]) -> Answer:
    return Answer(200, _document(place, kind, name, properties))


def _document(place: Resource, kind: str, name: str, properties: dict[str, Any]) -> dict[str, Any]:
    child = f"{place.id}/{kind}/{name}"
    return {"id": child, "name": name, "type": f"{place.type}/{kind}", "properties": properties}


def _state(ready: bool) -> str:
    return "READY" if ready else "UNKNOWN"


def _function(place: Resource, name: str, trigger: str) -> dict[str, Any]:
    disabled = places.settings(place).get(f"AzureWebJobs.{name}.Disabled", "").lower() in ("1", "true")
    config = {"bindings": [{"type": trigger, "direction": "in", "name": "input"}]}
    return _document(place, "functions", name, {"config": config, "isDisabled": disabled})
