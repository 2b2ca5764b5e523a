"""Lift the hold that an automatic rollback left: from now on the platform may act on its own again."""

from __future__ import annotations

from dataclasses import dataclass

from shared.events.journal import Journal
from shared.operations.intent import Answer, Intent, ReasonRequest
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.model import EnvironmentChange
from shared.store import keys


@dataclass(frozen=True)
class Releasing:
    journal: Journal
    index: Index

    async def release(self, intent: Intent, admitted: Admitted, request: ReasonRequest) -> Answer:
        """Releasing what is not on hold changes nothing and says so. Raises `PolicyDenied`."""
        environment = admitted.environment
        if environment.hold is not None:
            intent.will("lift", "hold", environment.hold.reason)
        permit = await intent.permit(environment.environment_id, environment.stage)
        why = f": {request.reason}" if request.reason else ""
        summary = f"{environment.name} is released{why}" if environment.hold else f"{environment.name} was not on hold"
        tx = intent.transaction(admitted.place, "environment.hold-released", environment.environment_id, summary, permit)
        released = environment.model_copy(update={"hold": None})
        if environment.hold is not None:
            tx.replace(admitted.rows[keys.ENVIRONMENT], released)
        told = EnvironmentChange(
            environment_id=environment.environment_id, status=environment.status, trace_id=intent.caller.trace_id
        )
        answer = intent.remember(tx, Answer(200, told.document()))
        await self.journal.commit(tx)
        if environment.hold is not None:
            await self.index.project(released)
        return answer
