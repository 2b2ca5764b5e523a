"""Log Analytics workspaces, judged where their SDK is installed."""

from __future__ import annotations

import pytest

from tests.arm_models.judge import judge
from tests.localazure.arm.bodies import GROUP, located

WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-1"


async def test_a_workspace_keeps_its_customer_id_and_keys(local) -> None:
    pytest.importorskip("azure.mgmt.loganalytics", reason="judges the workspace's body")
    await local.arm.put(GROUP, body=located())
    made = await local.arm.put(WORKSPACE, body=located(properties={"retentionInDays": 30}))
    assert judge("Microsoft.OperationalInsights/workspaces", made, request=False) == []
    again = await local.arm.put(WORKSPACE, body=located(properties={"retentionInDays": 60}))
    assert again["properties"]["customerId"] == made["properties"]["customerId"]
    keys = await local.arm.post(f"{WORKSPACE}/sharedKeys")
    assert keys == await local.arm.post(f"{WORKSPACE}/sharedKeys")
    assert judge("Microsoft.OperationalInsights/workspaces/sharedKeys", keys, request=False) == []
