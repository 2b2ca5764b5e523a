"""What wakes a person, each with the page of `docs/runbooks` that says what to do: it stands in the alert's description.

Looked for are lines and metrics that the platform tells; a test holds the lines to the code that logs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_azure_native import monitor

from infra.components.ground import Component, Ground, Named
from shared.kernel import metrics

RUNBOOKS = "docs/runbooks"
# shared/runtime/upkeep/settling.py logs this line of each operation that passed `mustSettleBy` and its overtime.
FORCED = "passed its deadline and is ended by force"
BREACH = "isolation-breach: "  # how `count` begins the line of shared/runtime/probing/recording.py


@dataclass(frozen=True)
class Searched:
    """An alert on what a query over the last `window` finds more than `above` rows of."""

    step: str
    page: str  # in RUNBOOKS, and the name's beginning
    tells: str
    query: str
    severity: int
    above: int = 0
    window: str = "PT15M"


SEARCHED = (
    Searched(
        "UnsettledOperations",
        "unsettled",
        "An operation passed the time at which it had to be settled.",
        f'union (AppTraces | where Message has "{FORCED}"), '
        f'(AppMetrics | where Name == "{metrics.OPERATION_UNSETTLED}" and Max > 0)',
        severity=1,
    ),
    Searched(
        "IsolationBreach",
        "isolation-breach",
        "The isolation probe read or changed what is another tenant's.",
        f'AppTraces | where Message has "{BREACH}"',
        severity=0,
    ),
    Searched(
        "OutboxLag",
        "outbox-lag",
        "Events wait for more than five minutes to be sent.",
        f'AppMetrics | where Name == "{metrics.OUTBOX_LAG}" and Max > 300',
        severity=2,
    ),
    Searched(
        "RollbackRate",
        "rollback-rate",
        "More than a quarter of at least four releases were taken back within six hours.",
        f'AppMetrics | where Name == "{metrics.ROLLBACK_RATE}" '
        "| summarize back = sum(Sum), ended = sum(ItemCount) | where ended >= 4 and back > 0.25 * ended",
        severity=2,
        window="PT6H",
    ),
    Searched(
        "FailingRequests",
        "failing",
        "The app answers 5xx.",
        "AppRequests | where toint(ResultCode) >= 500 | summarize failed = count() by bin(TimeGenerated, 5m) "
        "| where failed > 5",
        severity=2,
    ),
)
DEAD_LETTERS = "dead-letters"  # the page of the one alert on a metric of Azure's


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
        for searched in SEARCHED:
            self._search(searched, workspace)
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

    def _search(self, searched: Searched, workspace: Named) -> None:
        named = self._ground.called(searched.step, "Microsoft.Insights/scheduledQueryRules", searched.page, "2023-12-01")
        condition: dict[str, Any] = {
            "query": searched.query,
            "time_aggregation": "Count",
            "operator": "GreaterThan",
            "threshold": searched.above,
            "failing_periods": {"number_of_evaluation_periods": 1, "min_failing_periods_to_alert": 1},
        }
        monitor.ScheduledQueryRule(
            searched.step,
            rule_name=named.name,
            description=described(searched.tells, searched.page),
            kind="LogAlert",
            enabled=True,
            severity=searched.severity,
            scopes=[workspace.id],
            evaluation_frequency="PT5M",
            window_size=searched.window,
            criteria={"all_of": [condition]},
            actions={"action_groups": self._actions},
            auto_mitigate=False,
            opts=self._ground.options(named, self, self._after),
            **self._ground.tracked(),
        )

    def _dead_letters(self, bus: Named) -> None:
        """Work that failed ten times, in any queue or subscription."""
        named = self._ground.called("DeadLetters", "Microsoft.Insights/metricAlerts", DEAD_LETTERS, "2018-03-01")
        # Types, not dicts: of several kinds of criteria Pulumi cannot tell which one a dict is.
        criterion = monitor.MetricCriteriaArgs(
            criterion_type="StaticThresholdCriterion",
            name=DEAD_LETTERS,
            metric_name="DeadletteredMessages",
            metric_namespace="Microsoft.ServiceBus/namespaces",
            operator="GreaterThan",
            threshold=0,
            time_aggregation="Maximum",
        )
        monitor.MetricAlert(
            named.step,
            rule_name=named.name,
            description=described("Work failed ten times and was given up.", DEAD_LETTERS),
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


def described(tells: str, page: str) -> str:
    return f"{tells} What to do: {RUNBOOKS}/{page}.md"
