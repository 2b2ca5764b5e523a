"""The journal of the Durable hub: one SQLite row per instance, written in one transaction per consistent snapshot.

A row holds the instance's fields as JSON and its history and waiting events as protobuf. Written with WAL and synchronous
NORMAL: what `save` returned from survives SIGKILL of the process (not the loss of power).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as pb
from durabletask.testing.in_memory_backend import OrchestrationInstance

_PLAIN = ("name", "status", "version", "input", "output", "custom_status", "completion_token", "tags")
_MOMENTS = ("created_at", "last_updated_at", "completed_at")


class Journal:
    """Calls must not overlap; the backend makes them under its own lock."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        self._db.execute(
            "create table if not exists instances"
            "(id text primary key, fields text, failure blob, history blob, waiting blob) without rowid"
        )

    def load(self) -> list[OrchestrationInstance]:
        """Every instance as it was last saved. Events that were being worked on are waiting again."""
        rows = self._db.execute("select id, fields, failure, history, waiting from instances").fetchall()
        return [_read(*row) for row in rows]

    def save(self, instances: Mapping[str, OrchestrationInstance | None]) -> None:
        """All of them or none; None deletes."""
        rows = [_written(instance) for instance in instances.values() if instance is not None]
        gone = [(key,) for key, instance in instances.items() if instance is None]
        self._db.execute("begin")
        try:
            self._db.executemany("insert or replace into instances values(?,?,?,?,?)", rows)
            self._db.executemany("delete from instances where id=?", gone)
        except BaseException:  # cancellation too: a transaction must not stay open
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def close(self) -> None:
        self._db.close()


def _written(instance: OrchestrationInstance) -> tuple[str, str, bytes | None, bytes, bytes]:
    fields: dict[str, Any] = {name: getattr(instance, name) for name in _PLAIN}
    fields |= {name: moment.isoformat() if (moment := getattr(instance, name)) else None for name in _MOMENTS}
    failure = instance.failure_details
    return (
        instance.instance_id,
        json.dumps(fields),
        None if failure is None else failure.SerializeToString(),
        pb.HistoryChunk(events=instance.history).SerializeToString(),
        pb.HistoryChunk(events=_waiting(instance)).SerializeToString(),
    )


def _waiting(instance: OrchestrationInstance) -> list[pb.HistoryEvent]:
    # Every dispatch but the first puts an OrchestratorStarted of its own in front, which the next dispatch will do again.
    dispatched = [e for e in instance.dispatched_events if not (instance.history and e.HasField("orchestratorStarted"))]
    return dispatched + list(instance.pending_events)


def _read(key: str, fields: str, failure: bytes | None, history: bytes, waiting: bytes) -> OrchestrationInstance:
    given = json.loads(fields)
    moments = {name: datetime.fromisoformat(given[name]) if given[name] else None for name in _MOMENTS}
    return OrchestrationInstance(
        instance_id=key,
        **{name: given[name] for name in _PLAIN},
        **moments,  # type: ignore[arg-type]
        failure_details=None if failure is None else pb.TaskFailureDetails.FromString(failure),
        history=list(pb.HistoryChunk.FromString(history).events),
        pending_events=list(pb.HistoryChunk.FromString(waiting).events),
    )
