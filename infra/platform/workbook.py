"""The operators' workbook in Application Insights: every metric of the platform as a chart, by what it is split by.

Made from `shared/kernel/metrics.py`: a metric that is added there is a chart here, or the program does not run.
"""

from __future__ import annotations

import json
import uuid
from typing import Any, Final

import pulumi
from pulumi_azure_native import applicationinsights

from infra.components.ground import Ground, Named
from shared.kernel import metrics
from shared.kernel.metrics import INSTRUMENTS, Shape

# metric -> the dimension that its chart has a line for each value of
SPLIT: Final = {
    metrics.DEPLOYMENT_DURATION: "outcome",
    metrics.ROLLBACK_RATE: "kind",
    metrics.HEALTH_STATUS: "status",
    metrics.SCALING_REPLICAS: "service",
    metrics.SCALING_ACTIONS: "outcome",
    metrics.DRIFT_OPEN: "severity",
    metrics.REMEDIATION_TIME: "severity",
    metrics.ROTATION_AGE: "binding",
    metrics.OPERATION_UNSETTLED: "shard",
    metrics.OUTBOX_LAG: "",
}


def workbook(
    ground: Ground, insights: Named, *, parent: pulumi.Resource, after: list[pulumi.Resource]
) -> applicationinsights.Workbook:
    own = str(uuid.uuid5(uuid.NAMESPACE_URL, ground.group_id))  # Azure wants a GUID for a name
    named = ground.exactly("Workbook", "Microsoft.Insights/workbooks", own, "2023-06-01")
    return applicationinsights.Workbook(
        named.step,
        resource_name_=named.name,
        display_name="Runtime and cloud platform",
        category="workbook",
        kind="shared",
        source_id=insights.id,
        serialized_data=json.dumps({"version": "Notebook/1.0", "items": [_chart(name) for name in INSTRUMENTS]}),
        opts=ground.options(named, parent, after),
        **ground.tracked(),
    )


def _chart(metric: str) -> dict[str, Any]:
    how, split = INSTRUMENTS[metric], SPLIT[metric]
    by = f", {split} = tostring(Properties.{split})" if split else ""
    query = f'AppMetrics | where Name == "{metric}" | summarize value = {_value(how.shape)} by bin(TimeGenerated, 5m){by}'
    content = {
        "version": "KqlItem/1.0",
        "query": f"{query} | render timechart",
        "size": 0,
        "title": f"{metric}: {how.description} ({how.unit})",
        "timeContext": {"durationMs": 86_400_000},
        "queryType": 0,
        "resourceType": "microsoft.insights/components",
    }
    return {"type": 3, "name": metric, "content": content}


def _value(shape: Shape) -> str:
    return {Shape.GAUGE: "max(Max)", Shape.HISTOGRAM: "sum(Sum) / sum(ItemCount)", Shape.COUNTER: "sum(Sum)"}[shape]
