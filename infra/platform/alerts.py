"""What wakes a person: an operation that had to be ended by force, work that was given up, an app that answers 5xx."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi_azure_native import monitor

from infra.components.ground import Component, Ground, Named

# shared/runtime/upkeep/settling.py logs this line of each operation that passed `mustSettleBy` and its overtime.
FORCED = "passed its deadline and is ended by force"
UNSETTLED = f'AppTraces | where Message has "{FORCED}"'
FAILING = "AppRequests | where toint(ResultCode) >= 500 | summarize failed = count() by bin(TimeGenerated, 5m)"


class Alerts(Component):
    def __init__(
        self,
        ground: Ground,
        *,
        workspace: Named,
        bus: Named,
        email: str,
        parent: pulumi.Resource,
        after: list[pulumi.Resource],
    ) -> None:
        super().__init__("Alerts", "AlertsOf", parent)
        self._ground, self._after = ground, after
        group = self._group(email)
        self._actions = [group.id]
        self._query("UnsettledOperations", "unsettled", UNSETTLED, workspace, above=0, severity=1)
        self._query("FailingRequests", "failing", FAILING, workspace, above=5, severity=2)
        self._dead_letters(bus)
        self.register_outputs({})

    def _group(self, email: str) -> monitor.ActionGroup:
        named = self._ground.called("AlertGroup", "Microsoft.Insights/actionGroups", "ag", "2023-01-01")
        receivers = [{"name": "operator", "email_address": email, "use_common_alert_schema": True}] if email else []
        return monitor.ActionGroup(
            named.step,
            action_group_name=named.name,
            group_short_name="runtime",
            enabled=True,
            email_receivers=receivers,
            opts=self._ground.options(named, self, self._after),
            **{**self._ground.tracked(), "location": "Global"},
        )

    def _query(self, step: str, prefix: str, query: str, workspace: Named, *, above: int, severity: int) -> None:
        named = self._ground.called(step, "Microsoft.Insights/scheduledQueryRules", prefix, "2023-12-01")
        condition: dict[str, Any] = {
            "query": query,
            "time_aggregation": "Count",
            "operator": "GreaterThan",
            "threshold": above,
            "failing_periods": {"number_of_evaluation_periods": 1, "min_failing_periods_to_alert": 1},
        }
        monitor.ScheduledQueryRule(
            step,
            rule_name=named.name,
            kind="LogAlert",
            enabled=True,
            severity=severity,
            scopes=[workspace.id],
            evaluation_frequency="PT5M",
            window_size="PT15M",
            criteria={"all_of": [condition]},
            actions={"action_groups": self._actions},
            auto_mitigate=False,
            opts=self._ground.options(named, self, self._after),
            **self._ground.tracked(),
        )

    def _dead_letters(self, bus: Named) -> None:
        """Work that failed ten times, in any queue or subscription."""
        named = self._ground.called("DeadLetters", "Microsoft.Insights/metricAlerts", "dead-letters", "2018-03-01")
        # Types, not dicts: of several kinds of criteria Pulumi cannot tell which one a dict is.
        criterion = monitor.MetricCriteriaArgs(
            criterion_type="StaticThresholdCriterion",
            name="dead-letters",
            metric_name="DeadletteredMessages",
            metric_namespace="Microsoft.ServiceBus/namespaces",
            operator="GreaterThan",
            threshold=0,
            time_aggregation="Maximum",
        )
        monitor.MetricAlert(
            named.step,
            rule_name=named.name,
            enabled=True,
            severity=2,
            scopes=[bus.id],
            evaluation_frequency="PT5M",
            window_size="PT5M",
            criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
                odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
                all_of=[criterion],
            ),
            actions=[{"action_group_id": self._actions[0]}],
            opts=self._ground.options(named, self, self._after),
            **{**self._ground.tracked(), "location": "global"},
        )
