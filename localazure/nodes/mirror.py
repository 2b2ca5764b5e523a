"""What the API server holds, of the kinds that are looked at: listed once, then kept by watches.

Reads like a cabinet. A watch that ends is begun again where it was; one whose version the server has forgotten (410), or
that could not be opened, is preceded by a new list, whose differences are noticed as changes. While the server is away the
mirror shows what was seen last.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import httpx2

from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.kinds import Kind
from localazure.nodes.client import Api, collection

_AGAIN_SECONDS = 0.5

log = logging.getLogger(__name__)

Notice = Callable[[Kind, Object, bool], None]  # kind, the object as it is or as it last was, whether it is gone


class Mirror:
    """Implements `localazure.kubernetes.cabinet.Objects`."""

    def __init__(self, api: Api, kinds: Sequence[Kind], notice: Notice) -> None:
        self._api = api
        self._notice = notice
        self._objects: dict[Kind, dict[tuple[str, str], Object]] = {kind: {} for kind in kinds}
        self._listed = {kind: asyncio.Event() for kind in kinds}

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return self._objects[kind].get((namespace, name))

    def all(self, kind: Kind, namespace: str | None = None) -> list[Object]:
        held = self._objects[kind]
        return [held[place] for place in sorted(held) if namespace in (None, place[0])]

    async def listed(self) -> None:
        """Wait until every kind was listed once: what is not here then is not there."""
        for event in self._listed.values():
            await event.wait()

    async def run(self) -> None:
        """Follow every kind until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind in self._objects:
                group.create_task(self._follow(kind))

    async def _follow(self, kind: Kind) -> None:
        while True:
            try:
                version = await self._list(kind)
                while version:
                    version = await self._watch(kind, version)
            except (httpx2.HTTPError, ValueError, KeyError) as problem:
                log.info("%s cannot be followed: %r", kind.qualified, problem)
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _list(self, kind: Kind) -> str:
        told = await self._api.ask("GET", collection(kind))
        held, self._objects[kind] = self._objects[kind], {_place(thing): thing for thing in told["items"]}
        self._listed[kind].set()
        for place, thing in self._objects[kind].items():
            if held.get(place) != thing:
                self._notice(kind, thing, False)
        for place, thing in held.items():
            if place not in self._objects[kind]:
                self._notice(kind, thing, True)
        return str(told["metadata"]["resourceVersion"])

    async def _watch(self, kind: Kind, version: str) -> str:
        """The version from which to go on; "" when the server has forgotten this one."""
        async for event, thing in self._api.watch(kind, version):
            if event == "ERROR":
                log.info("a watch of %s ended: %s", kind.qualified, thing.get("message"))
                return ""
            version = thing["metadata"]["resourceVersion"]
            if event == "DELETED":
                self._objects[kind].pop(_place(thing), None)
                self._notice(kind, thing, True)
            elif event != "BOOKMARK":
                self._objects[kind][_place(thing)] = thing
                self._notice(kind, thing, False)
        return version


def _place(thing: Object) -> tuple[str, str]:
    return thing["metadata"].get("namespace", ""), thing["metadata"]["name"]
