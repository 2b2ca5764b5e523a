"""Autoscalers act on the load that is said of their services; the rules are those of the real controller."""

from __future__ import annotations

from typing import Any

import pytest
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler

from localazure.kubernetes.autoscaler_metrics import Running, Unmeasured, propose
from localazure.kubernetes.quantities import number_of, quantity_of

from .conftest import deployment, until

CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
QUEUE = {
    "type": "External",
    "external": {"metric": {"name": "waiting"}, "target": {"type": "AverageValue", "averageValue": "10"}},
}
REQUESTS = {"resources": {"requests": {"cpu": "250m", "memory": "1Gi"}}}
TEMPLATE = {"spec": {"containers": [{"name": "app", **REQUESTS}]}}


def autoscaler(metric: dict[str, Any] = CPU, least: int = 1, most: int = 8, **behavior: Any) -> HorizontalPodAutoscaler:
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "orders"},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [metric],
        **({"behavior": behavior} if behavior else {}),
    }
    return HorizontalPodAutoscaler.from_dict({"metadata": {"name": "orders", "namespace": "env"}, "spec": spec})


async def scaled(client: Any, replicas: int) -> Any:
    async def holds() -> Any:
        found = await client.get(Deployment, "orders", namespace="env")
        return found if (found.spec.replicas, found.status.readyReplicas) == (replicas, replicas) else None

    return await until(holds)


async def status(client: Any, **conditions: str) -> Any:
    """The autoscaler's status, once its conditions have these reasons."""

    async def holds() -> Any:
        told = (await client.get(HorizontalPodAutoscaler, "orders", namespace="env")).status
        reasons = {row.type: row.reason for row in told.conditions or []}
        return told if conditions.items() <= reasons.items() else None

    return await until(holds)


async def test_replicas_follow_the_load_up_and_down(client: Any, lab: Any) -> None:
    await client.create(deployment(replicas=2, container=REQUESTS))
    await client.create(autoscaler(scaleDown={"stabilizationWindowSeconds": 0}))
    await status(client, ScalingActive="FailedGetResourceMetric")

    lab.loads.put("env-1", "orders", "cpu", 200.0)

    await scaled(client, 4)
    told = await status(client, ScalingActive="ValidMetricFound", AbleToScale="ReadyForNewScale")
    (metric,) = told.currentMetrics
    assert (told.desiredReplicas, told.currentReplicas, told.lastScaleTime is not None) == (4, 4, True)
    assert (metric.resource.current.averageUtilization, metric.resource.current.averageValue) == (50, "125m")

    lab.loads.put("env-1", "orders", "cpu", 40.0)
    await scaled(client, 1)


async def test_the_bounds_hold_whatever_the_load(client: Any, lab: Any) -> None:
    lab.loads.put("env-1", "orders", "waiting", 1000.0)
    await client.create(deployment(replicas=2))
    await client.create(autoscaler(QUEUE, most=3))
    await scaled(client, 3)
    assert (await status(client, ScalingLimited="TooManyReplicas")).desiredReplicas == 3


async def test_a_decrease_waits_for_the_window_and_growth_is_no_faster_than_the_default_policies(
    client: Any, lab: Any
) -> None:
    await client.create(deployment(replicas=1, container=REQUESTS))
    lab.loads.put("env-1", "orders", "cpu", 400.0)
    await client.create(autoscaler())
    await scaled(client, 5)  # four more, and not the eight that the load is worth
    assert (await status(client, ScalingLimited="ScaleUpLimit")).desiredReplicas == 5

    lab.loads.put("env-1", "orders", "cpu", 50.0)
    assert (await status(client, AbleToScale="ScaleDownStabilized")).desiredReplicas == 5


def running(replicas: int = 4, ready: int | None = None, **loads: float) -> Running:
    return Running(replicas, replicas if ready is None else ready, TEMPLATE, loads)


@pytest.mark.parametrize(
    ("load", "replicas"),
    [(200, 4), (219, 4), (181, 4), (221, 5), (179, 4), (150, 3), (1, 1), (0, 0), (1000, 20)],
)
def test_within_a_tenth_of_the_target_nothing_changes(load: float, replicas: int) -> None:
    assert propose([CPU], running(cpu=load)).replicas == replicas


def test_of_several_metrics_the_one_that_wants_most_decides() -> None:
    assert propose([CPU, QUEUE], running(cpu=200, waiting=95)).replicas == 10
    assert propose([CPU, QUEUE], running(cpu=400, waiting=95)).replicas == 10


def test_a_metric_that_cannot_be_measured_keeps_the_others_from_scaling_down() -> None:
    assert propose([CPU, QUEUE], running(waiting=95)).replicas == 10
    with pytest.raises(Unmeasured) as unmeasured:
        propose([CPU, QUEUE], running(waiting=5))
    assert unmeasured.value.reason == "FailedGetResourceMetric"


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ({"type": "Object", "object": {}}, "InvalidMetricSourceType"),
        ({**CPU, "resource": {**CPU["resource"], "name": "gpu"}}, "FailedGetResourceMetric"),  # type: ignore[dict-item]
    ],
)
def test_what_has_no_value_or_no_request_is_said(metric: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unmeasured) as unmeasured:
        propose([metric], running(gpu=10))
    assert unmeasured.value.reason == reason


def test_pods_that_are_not_ready_have_no_metrics_and_a_queue_has() -> None:
    with pytest.raises(Unmeasured):
        propose([CPU], running(ready=0, cpu=200))
    assert propose([QUEUE], running(ready=0, waiting=95)).replicas == 10


@pytest.mark.parametrize(
    ("quantity", "number"), [("250m", 0.25), ("1Gi", 1024**3), ("2", 2), ("1.5k", 1500), ("1e3", 1000), (3, 3), ("7M", 7e6)]
)
def test_quantities_are_read(quantity: Any, number: float) -> None:
    assert number_of(quantity) == pytest.approx(number)


def test_what_is_no_quantity_is_refused_and_numbers_are_written_to_a_thousandth() -> None:
    for text in ("", "much", "1Q", "--1"):
        with pytest.raises(ValueError, match="no quantity"):
            number_of(text)
    assert [quantity_of(number) for number in (2.0, 0.25, 0.1234, 0)] == ["2", "250m", "124m", "0"]
