"""The ignore rules of an environment: what they are, and what they are from now on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.access.caller import Caller
from shared.events.journal import Journal
from shared.kernel.clock import Clock
from shared.kernel.errors import NotFound
from shared.operations.intent import Answer, Intent
from shared.runtime.drift.ignoring import IgnoreRules, RulesRequest
from shared.runtime.environments.isolation import Admitted, Isolation
from shared.store import keys
from shared.store.port import Row
from shared.store.reading import read


@dataclass(frozen=True)
class Ruling:
    isolation: Isolation
    journal: Journal
    clock: Clock

    async def rules(self, caller: Caller, environment_id: str) -> dict[str, Any]:
        """Raises `NotFound`, also for what is another tenant's."""
        admitted = await self.isolation.admit(caller.tenant_id, environment_id, keys.IGNORE_RULES)
        if admitted.environment.environment_id != environment_id:
            raise NotFound("environment", environment_id)
        return _shown(admitted, _rules(admitted, admitted.rows.get(keys.IGNORE_RULES)))

    async def replace(self, intent: Intent, admitted: Admitted, request: RulesRequest) -> Answer:
        """Raises `ValidationFailed`, `PolicyDenied`. What a rule leaves out resolves at the next scan."""
        intent.check(request.require_sound)
        row = await self.journal.store.get(admitted.place.partition, keys.IGNORE_RULES)
        standing = _rules(admitted, row)
        intent.will("replace", "drift/ignore-rules", f"{len(standing.rules)} rules → {len(request.rules)} rules")
        permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
        rules = IgnoreRules(rules=request.rules, changed_by=intent.caller.subject, changed_at=self.clock())
        summary = f"ignore rules of drift replaced by {intent.caller.subject}: {len(standing.rules)} → {len(rules.rules)}"
        tx = intent.transaction(admitted.place, "drift.rules-replaced", keys.IGNORE_RULES, summary, permit)
        tx.write(row, keys.IGNORE_RULES, rules)
        answer = intent.remember(tx, Answer(200, _shown(admitted, rules) | {"traceId": intent.caller.trace_id}))
        await self.journal.commit(tx)
        return answer


def _rules(admitted: Admitted, row: Row | None) -> IgnoreRules:
    return read(IgnoreRules, admitted.place.partition, row) if row else IgnoreRules()


def _shown(admitted: Admitted, rules: IgnoreRules) -> dict[str, Any]:
    return {"environmentId": admitted.environment.environment_id, **rules.document()}
