"""What becomes due for the secrets of an environment: their rotation, and the end of the versions that were replaced.

By time (`rotation.everyDays`, an overlap that is over), and at once by what the vault itself says: that a version is
about to expire, or that there is a new one. All that is due in an environment becomes one roll. What has no newer version
is asked for, once, and looked for again. Safe to run twice at once: each part is one conditional commit.

The platform begins nothing by itself while the environment is on hold or its tenant's binding is not Active, nor, in
production, for a binding that was bound without `rotation`: nobody has decided that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.access.binding import BindingStatus
from shared.access.governance import GOVERNED_STAGE
from shared.events.active import Listed
from shared.events.due import Due
from shared.events.journal import PLATFORM_CLIENT, Cause, Journal, Place, Transaction
from shared.kernel.clock import Clock
from shared.kernel.errors import NotFound, OperationInFlight, RuntimeCloudError, Transient
from shared.kernel.record import Record
from shared.operations.hub import Hub
from shared.operations.runs import rerun
from shared.runtime.environments.isolation import Admitted, Isolation
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.rotation.asking import ask, unasked
from shared.runtime.rotation.joining import fitting, open_to_others
from shared.runtime.rotation.retiring import MOST, PREFIX, Retiring
from shared.runtime.rotation.seeking import Seeking
from shared.runtime.rotation.service import SUBJECT, Rotations
from shared.runtime.secrets.bound_vaults import BoundVaults
from shared.runtime.secrets.model import SecretBinding
from shared.runtime.secrets.service import told
from shared.store.port import Row
from shared.store.reading import read

log = logging.getLogger(__name__)
AT_ONCE = 8
AGAIN = timedelta(minutes=1)  # for what is overdue: the slot is taken, a version has still to come


class Notice(Record):
    """What a vault says of a version of a secret, without naming a tenant."""

    vault_uri: str
    secret_name: str
    version: str | None = None
    expiring: bool  # near its expiry, or expired; else it is new
    caused_by: str | None = None  # the id of the vault's own event

    def ends(self, binding: SecretBinding) -> list[str]:
        """The secrets of a binding whose version this is the end of."""
        if not self.expiring or binding.turn is not None or not _same(binding.vault_uri.rstrip("/"), self.vault_uri):
            return []
        return [
            secret.name
            for secret in binding.secrets
            if _same(secret.secret_name, self.secret_name) and self.version in (None, secret.version)
        ]


def _same(one: str, other: str) -> bool:
    """Vaults and secrets are named without regard to case."""
    return one.lower() == other.rstrip("/").lower()


@dataclass(frozen=True)
class Deps:
    isolation: Isolation
    journal: Journal
    rotations: Rotations
    seeking: Seeking
    retiring: Retiring
    bound: BoundVaults
    due: Due
    clock: Clock


async def hear(deps: Deps, notice: Notice, hub: Hub) -> None:
    """Do what a vault's word makes due, in every environment with a binding to the vault.

    Safe to be told twice: what was replaced already is no longer the version that a binding uses. Raises `Transient`
    and, for races lost, `ConcurrentChange`: it is to be told again.
    """
    for place in await deps.bound.places(notice.vault_uri):
        await rerun(_looked_after, deps, place, hub, notice)


async def turn_shard(deps: Deps, shard: int, hub: Hub) -> None:
    """Look after every environment of a shard for which something is due; what fails for one is tried at the next tick."""
    due: dict[str, list[Row]] = {}
    for row in await deps.due.now(shard):
        due.setdefault(row.key.partition("|")[2], []).append(row)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(rows: Sequence[Row]) -> None:
        async with gate:
            try:
                await rerun(_looked_after, deps, Listed.read(rows[0].document).place, hub, None)
                for row in rows:
                    await deps.due.done(shard, row)
            except RuntimeCloudError as error:
                log.warning("rotation in %s waits: %r", rows[0].key, error)
            except Exception:  # one environment's odd row must not end the tick of all others of its shard
                log.exception("rotation in %s failed", rows[0].key)

    await asyncio.gather(*[one(rows) for rows in due.values()])


async def _looked_after(deps: Deps, place: Place, hub: Hub, notice: Notice | None) -> None:
    """Do what is due in an environment, and put down when the next is. Raises `Conflict` for a lost race: no later
    look would know of a vault's word.
    """
    try:
        admitted = await deps.isolation.admit(place.tenant_id, place.environment_id or "")
    except NotFound:  # announced before a commit that never came
        return
    if admitted.environment.status is EnvironmentStatus.DECOMMISSIONED:
        return
    for _, binding in await _bindings(deps, place):
        await deps.retiring.retire(place, binding)
    if _may_begin(admitted):
        await _rotate(deps, admitted, hub, notice)
    now = deps.clock()
    looks = [binding.next_look(now, AGAIN) for _, binding in await _bindings(deps, place)]
    if (earliest := min(filter(None, looks), default=None)) is not None:
        await deps.due.put(place, earliest)


def _may_begin(admitted: Admitted) -> bool:
    ready = admitted.environment.status is EnvironmentStatus.PROVISIONED and admitted.environment.hold is None
    return ready and admitted.binding.status is BindingStatus.ACTIVE


async def _bindings(deps: Deps, place: Place) -> list[tuple[Row, SecretBinding]]:
    rows = await deps.journal.store.list(place.partition, PREFIX, limit=MOST)
    return [(row, read(SecretBinding, place.partition, row)) for row in rows]


async def _rotate(deps: Deps, admitted: Admitted, hub: Hub, notice: Notice | None) -> None:
    """Begin the roll of what has a newer version, ask for what has none."""
    await _woken(deps, admitted, hub, notice)
    found: dict[str, list[str]] = {}
    silent: list[tuple[Row, SecretBinding, list[str]]] = []
    for row, binding in await _bindings(deps, admitted.place):
        names = _wanted(binding, deps.clock(), notice)
        sought = await deps.seeking.seek(binding, names)
        if sought.versions and _was_decided(admitted, binding):
            found[binding.secret_binding_id] = list(sought.versions)
        elif asked := unasked(binding, [name for name in names if name not in sought.versions]):
            silent.append((row, binding, asked))
    if silent:
        await _ask(deps, admitted, silent, notice)
    if found:
        await _begin(deps, admitted, fitting(found), hub, notice)


def _wanted(binding: SecretBinding, now: datetime, notice: Notice | None) -> list[str]:
    resting = binding.rests_until is not None and now < binding.rests_until
    names = [] if resting else binding.wanted(now)
    return sorted({*names, *(notice.ends(binding) if notice else [])})


def _was_decided(admitted: Admitted, binding: SecretBinding) -> bool:
    return binding.rotation is not None or admitted.environment.stage != GOVERNED_STAGE


async def _woken(deps: Deps, admitted: Admitted, hub: Hub, notice: Notice | None) -> None:
    """A rotation that waits for a version need not wait for its next poll."""
    standing = await open_to_others(deps.journal.store, admitted, []) if notice else None
    if standing is not None:
        try:
            await hub.wake(standing[1].instance_id)
        except Transient:  # it polls
            log.info("%s was not woken, it will look by itself", standing[1].operation_id)


async def _ask(
    deps: Deps, admitted: Admitted, silent: Sequence[tuple[Row, SecretBinding, list[str]]], notice: Notice | None
) -> None:
    names = [name for _, _, asked in silent for name in asked]
    caused_by = notice.caused_by if notice else None
    cause = Cause(SUBJECT, PLATFORM_CLIENT, silent[0][1].trace_id, caused_by=caused_by or silent[0][1].secret_binding_id)
    summary = f"newer versions of {told(names)} were asked for"
    ident = silent[0][1].secret_binding_id
    tx = Transaction(admitted.place, cause, "secret-binding.rotation-requested", ident, summary)
    chosen = fitting({binding.secret_binding_id: asked for _, binding, asked in silent})
    for row, binding, asked in silent:
        if binding.secret_binding_id in chosen:
            ask(tx, row, binding, asked, deps.clock())
    await deps.journal.commit(tx)


async def _begin(
    deps: Deps, admitted: Admitted, found: Mapping[str, Sequence[str]], hub: Hub, notice: Notice | None
) -> None:
    try:
        operation = await deps.rotations.begin(admitted, found, notice.caused_by if notice else None)
    except OperationInFlight:  # the slot was taken meanwhile; a later look finds it free
        return
    if operation.operation_id == admitted.slot.operation_id:
        await hub.wake(operation.instance_id)
    else:
        await hub.start(operation)
