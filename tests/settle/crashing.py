"""`python -m tests.settle.crashing MODULE ARGUMENT…`: run a part of the platform that dies where a test says.

Every store write and outbound call of the app is wrapped. Each that belongs to a run of these tests (its tenant is called
`settle-…`) is written down, before and after, in a file of that tenant; and where a plan names just that point, the process
kills itself there with SIGKILL. A plan is used up by its kill, so that the process that is started again runs on.

Invariants: what is written down survives the kill; counting goes by that file alone, so a plan for the second occurrence
of a point holds across processes. The stand-ins are run through here too, only to start the provisioner the same way.
"""

from __future__ import annotations

import functools
import os
import re
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

from tests.settle import points
from tests.settle.plans import Folder

FOLDER = "SETTLE_FOLDER"  # where plans and records are; inherited by every child
TENANT = re.compile(r"settle-[0-9a-f]{12}")
OWN = re.compile(r"[0-9a-f]{16}")  # what the ids of one environment, and its resources' names, have in common
ENVIRONMENT = re.compile(r"(settle-[0-9a-f]{12})\|env-([0-9a-f]{16})")


class Watch:
    """Knows whose a call is, writes it down, and kills the process where a plan says so."""

    def __init__(self, folder: Folder, role: str) -> None:
        self._folder = folder
        self._role = role
        self._tenants: dict[str, str] = {}  # own part of an environment -> tenant

    def meet(self, text: str) -> str | None:
        """Learn which environment is whose; the tenant that the text is about."""
        for tenant, own in ENVIRONMENT.findall(text):
            self._tenants[own] = tenant
        if named := TENANT.search(text):
            return named[0]
        return next((self._tenants[own] for own in OWN.findall(text) if own in self._tenants), None)

    def pass_(self, tenant: str, point: str, when: str) -> None:
        point = f"{self._role}: {point}"
        self._folder.record(tenant, point, when)
        plan = self._folder.plan(tenant)
        if plan is not None and self._folder.is_here(tenant, plan, point, when):
            self._folder.use_up(tenant)
            os.kill(os.getpid(), signal.SIGKILL)


def watched(watch: Watch, owner: type, method: str, name: points.Named) -> None:
    """Wrap a method of a class: its points are before it and, when it did not raise, after it."""
    inner = getattr(owner, method)

    @functools.wraps(inner)
    async def wrapper(*args: Any, **options: Any) -> Any:
        tenant = watch.meet(repr((args[1:], options)))
        if tenant is None:
            return await inner(*args, **options)
        point = name(*args, **options)
        watch.pass_(tenant, point, "before")
        result = await inner(*args, **options)
        watch.pass_(tenant, point, "after")
        return result

    setattr(owner, method, wrapper)


def met(watch: Watch, owner: type, method: str) -> None:
    """Wrap a read: it tells whose an environment is, and is no point."""
    inner = getattr(owner, method)

    @functools.wraps(inner)
    async def wrapper(self: Any, partition: str, *args: Any, **options: Any) -> Any:
        watch.meet(partition)
        return await inner(self, partition, *args, **options)

    setattr(owner, method, wrapper)


def watch_shared(watch: Watch) -> None:
    """What the app and the provisioner have in common."""
    from shared.azure.arm import Arm
    from shared.azure.bus import Bus
    from shared.store.table import TableStore

    for read in ("get", "gather", "list"):
        met(watch, TableStore, read)
    watched(watch, TableStore, "commit", points.commit)
    for method in ("put", "put_no_wait", "patch", "post", "delete"):
        watched(watch, Arm, method, points.arm(method.partition("_")[0].upper()))
    for verb in ("publish", "send"):
        watched(watch, Bus, verb, points.bus(verb))


def watch_host(watch: Watch) -> None:
    from blueprints.hub import DurableHub
    from shared.access.outbound import Outbound
    from shared.azure.vault import Vaults
    from shared.targets.cluster import Cluster

    for verb in ("apply", "merge", "create", "delete"):
        watched(watch, Cluster, verb, points.kubernetes(verb))
    for verb in ("start", "wake", "terminate"):
        watched(watch, DurableHub, verb, points.hub(verb))
    watched(watch, Outbound, "post", points.policy)
    watched(watch, Vaults, "disable", lambda *_: "keyVault disable")


def provisioner_too() -> None:
    """The job that the stand-ins make starts the provisioner through this module."""
    from localazure.services import platform_resources

    platform_resources.COMMAND = ("python", "-m", "tests.settle.crashing", "infra.provisioner")  # type: ignore[assignment]


def main() -> None:
    module, sys.argv = sys.argv[1], sys.argv[1:]
    folder = Folder(Path(os.environ[FOLDER]))
    if module == "localazure.services":
        provisioner_too()
    else:
        watch = Watch(folder, module.rpartition(".")[2])
        watch_shared(watch)
        if module == "localazure.host":
            watch_host(watch)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
