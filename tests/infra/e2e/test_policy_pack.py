"""The policy pack as Pulumi runs it: a process of its own that the engine asks about each resource.

The guide's own `--policy-pack` is run in `test_guide`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pulumi.automation import EngineEvent
from pulumi.automation.errors import CommandError
from pulumi_azure_native import app, keyvault, storage

from infra.environment.owned import Surroundings
from infra.environment.program import program
from infra.policy_pack.rules import POLICIES
from infra.provisioner.engine import EnvironmentRecord
from infra.provisioner.pulumi_engine.events import step_of
from infra.provisioner.pulumi_engine.stacks import Stacks
from tests.infra.cloud import record
from tests.infra.e2e.conftest import ROOT, Local

PACK = ROOT / "infra" / "policy_pack"
OURS = {"cs-stage": "dev", "cs-environment-id": "env-1"}


@dataclass
class Judged:
    """`said`: (policy, the resource that violates it), as the engine reports them."""

    passed: bool = True
    said: set[tuple[str, str]] = field(default_factory=set)
    levels: set[str] = field(default_factory=set)

    def hear(self, event: EngineEvent) -> None:
        if (one := event.policy_event) is not None:
            self.said.add((one.policy_name, step_of(one.resource_urn)))
            self.levels.add(one.enforcement_level)


def judged(local: Local, declare: Callable[[], None], about: EnvironmentRecord, *more: str) -> Judged:
    """What a preview under the pack comes to. `more`: the packs' configurations, files of JSON."""
    settings = replace(local.settings, environ={**os.environ, "PYTHONPATH": str(ROOT)})
    found = Judged()
    with Stacks(settings).opened(about, declare, create=True) as opened:
        assert opened is not None
        try:
            opened.stack.preview(policy_packs=[str(PACK)], policy_pack_configs=list(more), on_event=found.hear)
        except CommandError:
            found.passed = False
    return found


def violating() -> None:
    """Each rule once, by a resource that is named after it."""
    place: dict[str, Any] = {"resource_group_name": "rg", "location": "westeurope", "tags": OURS}
    closed: dict[str, Any] = {"allow_blob_public_access": False, "minimum_tls_version": "TLS1_2"}
    sized: dict[str, Any] = {"kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    vault = keyvault.VaultPropertiesArgs(tenant_id="t", sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName.STANDARD))
    keyvault.Vault("no-public-access", properties=vault, **place)
    app.ContainerApp("tls", configuration={"ingress": {"allow_insecure": True}}, **place)
    storage.StorageAccount("no-shared-keys", allow_shared_key_access=True, **closed, **sized, **place)
    app.ManagedEnvironment("tagged", **{**place, "tags": {"cs-stage": "dev"}})
    app.ManagedEnvironment("regions", **{**place, "location": "brazilsouth"})


def test_an_environment_of_ours_passes(local: Local) -> None:
    about = record()
    assert judged(local, program(about, Surroundings()), about) == Judged()


def test_what_violates_a_rule_is_refused_by_the_rules_name(local: Local) -> None:
    found = judged(local, violating, record())
    assert not found.passed
    assert found.said == {(policy.name, policy.name) for policy in POLICIES}
    assert found.levels == {"mandatory"}


def test_the_regions_are_those_of_the_packs_configuration(local: Local, tmp_path: Path) -> None:
    config = tmp_path / "policies.json"
    config.write_text('{"regions": {"allowed": ["brazilsouth"]}}')

    def program() -> None:
        for region in ("brazilsouth", "westeurope"):
            app.ManagedEnvironment(region, resource_group_name="rg", location=region, tags=OURS)

    found = judged(local, program, record(), str(config))
    assert not found.passed
    assert found.said == {("regions", "westeurope")}
