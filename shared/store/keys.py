"""Partition and row keys. Every partition starts with the tenant of the verified caller.

An environment's partition holds, by row key:
    env, binding, slot, seq, health, scan, infra, looking, ignore       one each
    svc-<service>, dep-, cfg-, sec-, scl-, drift-, op-<id>
    dep-<id>~<wave>, plan-<deployment>-<wave>-<service>, snap-<deployment>
    n-<kind>-<newest first>-<id>                   lists, newest first
    log-<newest first>-<commit>, out-<sequence>, idem-<own>, in-<day>-<message>
A tenant's own partition (`<tenant>|~`) holds what points at environments: names, the list of them, where a service runs.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from datetime import UTC, datetime

from shared.kernel.clock import newest_first
from shared.kernel.ids import EnvironmentId

ENVIRONMENT = "env"
BINDING = "binding"
SLOT = "slot"
SEQUENCE = "seq"
HEALTH = "health"
SCAN = "scan"
INFRASTRUCTURE = "infra"
IGNORE_RULES = "ignore"
ISOLATION = "isolation"
ISOLATION_RPC = "isolation-rpc"
TURN = "turn"
LOOKING = "looking"
INBOX = "in-"

LONGEST_TENANT = 256  # characters, of the 512 that a key of ours may have
_PLAIN = re.compile(r"[^A-Za-z0-9._-]")


def _escaped(tenant_id: str) -> str:
    """A tenant of many special characters would outgrow a key: its hash stands for it, marked by `~h`, which no escape
    of a character begins with."""
    escaped = _PLAIN.sub(lambda found: f"~{ord(found[0]):x};", tenant_id)
    if len(escaped) <= LONGEST_TENANT:
        return escaped
    return f"~h{hashlib.sha256(tenant_id.encode()).hexdigest()};"


def partition_of(tenant_id: str, environment_id: EnvironmentId) -> str:
    """One partition per tenant and environment.

    Escaped so that no tenant can spell another's ("a|b" + "c" against "a" + "b|c") and that no key holds what the Table
    service refuses (`/ \\ # ?`). Real Table Storage compares `%` forms after decoding: hence no `%` in the escape.
    """
    return f"{_escaped(tenant_id)}|{environment_id}"


def tenant_partition(tenant_id: str) -> str:
    """Where a tenant's index rows are: names, environments, services, operations, and attempts that reached none."""
    return f"{_escaped(tenant_id)}|~"


def shard_of(partition: str, shards: int) -> int:
    """Which of the `shards` sweep lists a partition is in."""
    return zlib.crc32(partition.encode()) % shards


def all_shard(shard: int) -> str:
    """Partition that lists the environments of one shard; no tenant can spell it: `~` alone is never an escape."""
    return f"~all|{shard:02d}"


def active_shard(shard: int) -> str:
    """Partition that lists the environments of one shard with an unsettled operation or an unsent event."""
    return f"~active|{shard:02d}"


def due_shard(shard: int) -> str:
    """Partition that says when the environments of one shard are to be looked at again, by time."""
    return f"~due|{shard:02d}"


def bound_vault(name_: str) -> str:
    """Partition that lists the environments with a binding to secrets of a vault, whoever owns them."""
    return f"~vault|{name_}"


def gone_shard(shard: int) -> str:
    """Partition that lists the decommissioned environments of one shard, until their rows go too."""
    return f"~gone|{shard:02d}"


def purge_shard(shard: int) -> str:
    """Partition that says how far the purge of one shard has come."""
    return f"~purge|{shard:02d}"


def idempotency(own: str) -> str:
    return f"idem-{own}"


def service(service_id: str) -> str:
    return f"svc-{service_id}"


def listed(kind: str, at: datetime, ident: str) -> str:
    return f"n-{kind}-{newest_first(at)}-{ident}"


def list_prefix(kind: str) -> str:
    return f"n-{kind}-"


def log(at: datetime, commit_id: str) -> str:
    return f"log-{newest_first(at)}-{commit_id}"


def inbox(made_at: datetime, message_id: str) -> str:
    """Sorts by the day the message was made."""
    return f"{INBOX}{made_at.astimezone(UTC):%Y%m%d}-{message_id}"


def outbox(sequence: int) -> str:
    return f"out-{sequence:012d}"


def plan(deployment_id: str) -> str:
    """Prefix of the plan rows of a deployment."""
    return f"plan-{deployment_id}-"


def snapshot(deployment_id: str) -> str:
    return f"snap-{deployment_id}"


def name(name_: str) -> str:
    return f"name-{name_}"


def service_environment(service_id: str, environment_id: EnvironmentId) -> str:
    return f"svc-{service_id}|{environment_id}"
