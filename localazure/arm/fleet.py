"""Makes the world hold what container apps say: replicas, addresses, who serves, and the hand-over to a new revision.

`uphold` is idempotent and is all there is: it follows a change, an activation, a restart of the process. While the latest
revision is not ready a watcher looks again; when it is, the traffic that follows the latest revision moves and, in Single
mode, the old revisions are deactivated. A newer revision ends the wait of an older one.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections import defaultdict
from functools import partial

from localazure.arm import traffic
from localazure.arm.ingress import Ingress
from localazure.arm.records import DELETING, Records, Resource
from localazure.arm.revisions import RevisionRecord, Revisions, is_ready
from localazure.workloads.port import Replica, Workloads

_LOOK_AGAIN_SECONDS, _LOOK_AGAIN_AT_MOST = 0.1, 1.0
_INACTIVE_KEPT = 100  # Azure's maxInactiveRevisions default
log = logging.getLogger(__name__)


class Fleet:
    def __init__(self, records: Records, revisions: Revisions, workloads: Workloads, ingress: Ingress) -> None:
        self.records = records
        self.revisions = revisions
        self.workloads = workloads
        self.ingress = ingress
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._turns: defaultdict[str, itertools.count[int]] = defaultdict(itertools.count)
        self._draw = random.Random()  # noqa: S311 - which replica answers is no secret

    def replicas(self, revision: RevisionRecord) -> list[Replica]:
        return list(self.workloads.replicas(revision.workload.key)) if revision.active else []

    def latest(self, app: Resource) -> str:
        """The revision that `latestRevision` traffic follows: the latest ready one, or the only candidate there is."""
        return str(app.facts.get("latestReady") or app.facts["latest"])

    def split(self, app: Resource) -> dict[str, int]:
        return traffic.weights(app.properties, self.latest(app))

    async def uphold(self, app_key: str) -> None:
        """Raises what the workload runner raises; run again, it completes what is missing."""
        await self._hold(app_key)
        self._watch(app_key)

    async def _hold(self, app_key: str) -> None:
        async with self._locks[app_key]:
            app = self.records.get(app_key)
            if app is None or app.state == DELETING:
                return
            for revision in self.revisions.of(app_key):
                await self._uphold_revision(app, revision)
            if _ingress(app):
                await self.ingress.open(app_key, partial(self._choose, app_key))
            else:
                self.ingress.shut(app_key)
            self._hand_over(app_key)
            await self._retire(app_key)

    async def restart(self, app_key: str, revision: RevisionRecord) -> None:
        """Replace the replicas of a revision by new ones, which see the revision's environment as it is now."""
        async with self._locks[app_key]:
            await self.workloads.remove(revision.workload.key)
        await self.uphold(app_key)

    def sweep(self) -> None:
        """Forget revisions whose app was never written: the process was killed in between."""
        for revision in self.revisions.all():
            app = self.records.get(revision.app)
            if app is None or revision.number > app.facts.get("count", 0):
                self.revisions.drop(revision)

    async def dismantle(self, app_key: str) -> None:
        if watcher := self._watchers.pop(app_key, None):
            watcher.cancel()
        async with self._locks[app_key]:
            for revision in self.revisions.of(app_key):
                await self._forget(revision)
            self.ingress.shut(app_key, forget=True)
        self._locks.pop(app_key, None)

    async def close(self) -> None:
        for watcher in self._watchers.values():
            watcher.cancel()
        await asyncio.gather(*self._watchers.values(), return_exceptions=True)

    def refresh(self, app: Resource) -> None:
        """Note the latest revision as ready as soon as it is, whoever looks first."""
        latest = self.revisions.get(app.key, app.facts["latest"])
        if latest and app.facts.get("latestReady") != latest.name and is_ready(latest, self.replicas(latest)):
            app.facts["latestReady"] = latest.name
            self.records.save(app)

    async def _uphold_revision(self, app: Resource, revision: RevisionRecord) -> None:
        await self.workloads.scale(revision.workload, revision.replicas)
        if revision.active and not revision.provisioned:
            revision.provisioned = True
            self.revisions.save(revision)
        if revision.active and _ingress(app):
            await self.ingress.open(revision.key, partial(self._choose_replica, app.key, revision.name))
        else:
            self.ingress.shut(revision.key)

    def _hand_over(self, app_key: str) -> None:
        """Point the service at the revision with the most traffic."""
        if (app := self.records.get(app_key)) is None:
            return
        self.refresh(app)
        name = traffic.heaviest(self.split(app))
        serving = self.revisions.get(app_key, name) if name else None
        for revision in self.revisions.of(app_key)[-1:]:
            key = serving.workload.key if serving and serving.active else None
            self.workloads.serve(revision.environment_id, revision.service_id, key)

    async def _retire(self, app_key: str) -> None:
        """Single mode: what the new revision replaced. Any mode: inactive revisions beyond the limit."""
        if (app := self.records.get(app_key)) is None:
            return
        all_of_it = self.revisions.of(app_key)
        if traffic.mode(app.properties) == traffic.SINGLE and app.facts.get("latestReady") == app.facts["latest"]:
            for revision in all_of_it:
                if revision.active and revision.name != app.facts["latest"]:
                    revision.active = False
                    self.revisions.save(revision)
                    await self._uphold_revision(app, revision)
        kept = (app.properties.get("configuration") or {}).get("maxInactiveRevisions") or _INACTIVE_KEPT
        inactive = [revision for revision in all_of_it if not revision.active]
        for revision in inactive[:-kept]:
            await self._forget(revision)

    async def _forget(self, revision: RevisionRecord) -> None:
        await self.workloads.remove(revision.workload.key)
        remaining = [one for one in self.revisions.of(revision.app) if one.name != revision.name]
        if not remaining:
            self.workloads.serve(revision.environment_id, revision.service_id, None)
        self.ingress.shut(revision.key, forget=True)
        self._turns.pop(revision.key, None)
        self.revisions.drop(revision)

    def _watch(self, app_key: str) -> None:
        watcher = self._watchers.get(app_key)
        if (watcher is None or watcher.done()) and self._waiting(app_key):
            self._watchers[app_key] = asyncio.get_running_loop().create_task(self._until_ready(app_key))

    def _waiting(self, app_key: str) -> bool:
        app = self.records.get(app_key)
        return app is not None and app.facts.get("latestReady") != app.facts["latest"]

    async def _until_ready(self, app_key: str) -> None:
        pause = _LOOK_AGAIN_SECONDS
        while self._waiting(app_key):
            await asyncio.sleep(pause)
            pause = min(pause * 1.1, _LOOK_AGAIN_AT_MOST)
            if app := self.records.get(app_key):
                self.refresh(app)
            if self._waiting(app_key):
                continue
            try:
                await self._hold(app_key)
            except Exception:  # a watcher has no caller; the next change upholds again
                log.exception("handing over to the latest revision of %s failed", app_key)

    def _choose(self, app_key: str, host: str) -> Replica | None:
        """A replica for one request to the app; `<app>---<label>.…` as the host name asks for a label's revision."""
        if (app := self.records.get(app_key)) is None:
            return None
        self.refresh(app)
        _, dashes, label = host.partition(".")[0].partition("---")
        if dashes:
            name = traffic.labelled(app.properties, label, self.latest(app))
        else:
            name = traffic.drawn(self.split(app), self._draw)
        return self._choose_replica(app_key, name, host) if name else None

    def _choose_replica(self, app_key: str, name: str, _host: str) -> Replica | None:
        """Round robin over the ready replicas of a revision."""
        if (revision := self.revisions.get(app_key, name)) is None:
            return None
        ready = [replica for replica in self.replicas(revision) if replica.ready]
        return ready[next(self._turns[revision.key]) % len(ready)] if ready else None


def _ingress(app: Resource) -> bool:
    return bool((app.properties.get("configuration") or {}).get("ingress"))
