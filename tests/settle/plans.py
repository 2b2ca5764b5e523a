"""Plans and records as files, one of each per tenant: what the tests tell the processes, and what these tell the tests.

A record line is `<before|after> <point>`. A plan counts from the line at which it was armed. Lines are written in one
append each, a plan appears and goes by rename: neither is ever seen half.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

BEFORE, AFTER = "before", "after"
KILL, WIPE, STOP = "kill", "wipe", "stop"  # die; die and leave the hub without its storage; be stopped, cut off from ARM
LAST = "last-kill"


@dataclass(frozen=True)
class Plan:
    """Do `action` when the point is passed (`when`: before or after it) for the `occurrence`th time since line `since`."""

    point: str
    occurrence: int
    when: str
    action: str = KILL
    since: int = 0


@dataclass(frozen=True)
class Folder:
    path: Path

    def record(self, tenant: str, point: str, when: str) -> None:
        file = os.open(self.path / f"{tenant}.points", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, f"{when} {point}\n".encode())
        finally:
            os.close(file)

    def recorded(self, tenant: str, since: int = 0) -> list[tuple[str, str]]:
        """(when, point) of every line from `since` on."""
        try:
            lines = (self.path / f"{tenant}.points").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines[since:]]

    def plan(self, tenant: str) -> Plan | None:
        try:
            return Plan(**json.loads((self.path / f"{tenant}.plan").read_text()))
        except FileNotFoundError:
            return None

    def is_here(self, tenant: str, plan: Plan, point: str, when: str) -> bool:
        if (plan.point, plan.when) != (point, when):
            return False
        return self.recorded(tenant, plan.since).count((when, point)) >= plan.occurrence

    def arm(self, tenant: str, plan: Plan) -> None:
        """Counts from now."""
        counting = replace(plan, since=len(self.recorded(tenant)))
        draft = self.path / f"{tenant}.draft"
        draft.write_text(json.dumps(asdict(counting)))
        draft.replace(self.path / f"{tenant}.plan")

    def arm_then(self, tenant: str, plan: Plan) -> None:
        """To be armed the moment the one that is armed now is carried out."""
        (self.path / f"{tenant}.then").write_text(json.dumps(asdict(plan)))

    def use_up(self, tenant: str) -> None:
        (self.path / f"{tenant}.plan").replace(self.path / f"{tenant}.used")
        (self.path / LAST).touch()
        with contextlib.suppress(FileNotFoundError):
            self.arm(tenant, Plan(**json.loads((self.path / f"{tenant}.then").read_text())))
            (self.path / f"{tenant}.then").unlink()

    def used(self, tenant: str) -> bool:
        """Whether the plan was carried out since it was armed. Disarms it."""
        with contextlib.suppress(FileNotFoundError):
            (self.path / f"{tenant}.plan").unlink()
            return False
        with contextlib.suppress(FileNotFoundError):
            (self.path / f"{tenant}.used").unlink()
            return True
        return False

    def note_stopped(self, tenant: str, pid: int) -> None:
        draft = self.path / f"{tenant}.stopping"
        draft.write_text(str(pid))
        draft.replace(self.path / f"{tenant}.stopped")

    def stopped(self, tenant: str) -> int | None:
        """The pid of the process that was stopped; None while there is none."""
        try:
            return int((self.path / f"{tenant}.stopped").read_text())
        except FileNotFoundError:
            return None

    def last_kill(self) -> float:
        """Seconds since the epoch of the last kill, of whomever; 0.0 without one."""
        try:
            return (self.path / LAST).stat().st_mtime
        except FileNotFoundError:
            return 0.0
