"""What people do not want to hear of: rules that leave a difference out before it becomes a finding.

A rule names a service, a kind, a field, or several of them, and leaves out what meets all that it names. A finding that a
rule leaves out resolves at the next scan, and comes back when the rule is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from shared.kernel.errors import ValidationFailed
from shared.kernel.record import Record
from shared.runtime.drift.model import FindingKind
from shared.runtime.environments.model import Name

MOST_RULES = 200


class IgnoreRule(Record):
    """`field`: the name of a setting, or `image`, `replicas`, `bounds`, `measure`; of the infrastructure, a resource."""

    service_id: Name | None = None
    kind: FindingKind | None = None
    field: str | None = Field(default=None, min_length=1, max_length=256)
    reason: str = Field(min_length=1, max_length=1000)

    def leaves_out(self, service_id: str | None, kind: FindingKind, field: str) -> bool:
        return self.service_id in (None, service_id) and self.kind in (None, kind) and self.field in (None, field)


class RulesRequest(Record):
    """PUT /drift/{environmentId}/ignore-rules: the rules from now on."""

    rules: list[IgnoreRule] = Field(max_length=MOST_RULES)

    def require_sound(self) -> None:
        """Raises `ValidationFailed`: a rule that names nothing would leave out everything; a breach is never left out."""
        errors = {}
        for index, rule in enumerate(self.rules):
            if rule.service_id is None and rule.kind is None and rule.field is None:
                errors[f"rules[{index}]"] = ["must name a serviceId, a kind or a field"]
            elif rule.kind is FindingKind.ISOLATION_BREACH:
                errors[f"rules[{index}].kind"] = ["cannot be left out"]
        if errors:
            raise ValidationFailed(errors)


class IgnoreRules(Record):
    """The row."""

    rules: list[IgnoreRule] = []
    changed_by: str | None = None
    changed_at: datetime | None = None


class RulesState(IgnoreRules):
    environment_id: str


class RulesReplaced(RulesState):
    trace_id: str


def is_left_out(rules: Sequence[IgnoreRule], service_id: str | None, kind: FindingKind, field: str) -> bool:
    return any(rule.leaves_out(service_id, kind, field) for rule in rules)
