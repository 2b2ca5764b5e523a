"""`python -m tests.settle.crashing MODULE ARGUMENT…`: run a part of the platform that dies where a test says.

Every store write and outbound call of the app is wrapped. Each that belongs to a run of these tests (its tenant is called
`settle-…`) is written down, before and after, in a file of that tenant; and where a plan names just that point, the process
kills itself there with SIGKILL. A plan is used up by its kill, so that the process that is started again runs on.

Invariants: what is written down survives the kill; counting goes by that file alone, so a plan for the second occurrence
of a point holds across processes. The stand-ins are run through here too, only to start the provisioner the same way.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

from tests.settle import points
from tests.settle.plans import KILL, STOP, WIPE, Folder

FOLDER = "SETTLE_FOLDER"  # where plans and records are; inherited by every child
TENANT = re.compile(r"settle-[0-9a-f]{12}")
OWN = re.compile(r"[0-9a-f]{16}")  # what the ids of one environment, and its resources' names, have in common
IMPORTED = (
    "aiohttp",
    "azure.data.tables.aio",
    "azure.identity.aio",
    "azure.servicebus.aio",
    "blueprints.orchestrations",
    "localazure.host.durable.engine",
    "localazure.host.durable.webhooks",
    "localazure.host.server",
    "shared.azure.arm_pipeline",
    "shared.container",
)
ENVIRONMENT = re.compile(r"(settle-[0-9a-f]{12})\|env-([0-9a-f]{16})")


def die(_folder: Folder, _tenant: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_and_wipe(folder: Folder, tenant: str) -> None:
    """The process that follows finds an empty hub: the journal that this one still has open goes with it."""
    for file in folder.path.parent.glob("hub.sqlite*"):
        file.unlink()
    die(folder, tenant)


def be_stopped(folder: Folder, tenant: str) -> None:
    """As on a machine that lost its network and was suspended: ARM sees the execution end, and the process lives.

    What ends a job for ARM is the guard that started it, our parent.
    """
    guard = os.getppid()
    if "guard.py" not in Path(f"/proc/{guard}/cmdline").read_text():
        raise RuntimeError("only a job's process can be stopped")
    folder.note_stopped(tenant, os.getpid())
    os.kill(guard, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGSTOP)


ACTIONS = {KILL: die, WIPE: die_and_wipe, STOP: be_stopped}


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
            ACTIONS[plan.action](self._folder, tenant)


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


def again_after_each_kill() -> None:
    """Returns in a child of this process, and in another one after each that was killed.

    A host takes two seconds of a core to import the app. This process has imported it, and nothing else, when it forks: a
    new host is there at once, as new as any. It ends as its child does when that one ends by itself, and with it at a
    signal; what the supervisor does about children that die, `tests/resilience` shows.
    """
    while child := os.fork():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: os.kill(child, number))
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def import_the_app() -> None:
    """Everything that `function_app` and the host import, but not it: it is indexed once a process."""
    for name in IMPORTED:
        importlib.import_module(name)


def main() -> None:
    module, sys.argv = sys.argv[1], sys.argv[1:]
    watch = Watch(Folder(Path(os.environ[FOLDER])), module.rpartition(".")[2])
    if module == "localazure.services":
        provisioner_too()
    else:
        watch_shared(watch)
    if module == "localazure.host":
        watch_host(watch)
        import_the_app()
        again_after_each_kill()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
