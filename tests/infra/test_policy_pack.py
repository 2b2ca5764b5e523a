"""The policy pack: each rule on what it is there for, as Pulumi asks it, and every program of ours against all of it."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi_policy import EnforcementLevel, ResourceValidationArgs
from pulumi_policy.policy import PolicyResourceOptions

from infra.environment.owned import Surroundings, ground_of
from infra.environment.program import Environment
from infra.policy_pack.__main__ import validator
from infra.policy_pack.rules import POLICIES, kind_of
from tests.infra.cloud import Declared, declare, record
from tests.infra.test_platform_program import platform
from tests.infra.test_pool_program import pool

BY_NAME = {policy.name: policy for policy in POLICIES}
OURS = {"cs-stage": "dev", "cs-pool": "dev-westeurope"}
VAULT, ACCOUNT = "azure-native:keyvault:Vault", "azure-native:storage:StorageAccount"
SITE, BUS = "azure-native:web:WebApp", "azure-native:servicebus:Namespace"


def violations(policy: str, kind: str, inputs: dict[str, Any], config: dict[str, Any] | None = None) -> list[str]:
    said: list[str] = []
    options = PolicyResourceOptions(
        protect=False, ignore_changes=[], delete_before_replace=None, aliases=[], additional_secret_outputs=[],
        custom_timeouts=None,  # type: ignore[arg-type]
    )  # fmt: skip
    args = ResourceValidationArgs(kind, inputs, "urn", "name", options, None)
    args.get_config = lambda: config or {}  # type: ignore[method-assign]
    validate = validator(BY_NAME[policy]).validate
    validate(args, lambda message, _urn=None: said.append(message))  # type: ignore[operator, misc]
    return said


@pytest.mark.parametrize(
    ("policy", "kind", "bad", "good"),
    [
        ("no-public-access", VAULT, {"properties": {}}, {"properties": {"publicNetworkAccess": "Disabled"}}),
        ("no-public-access", ACCOUNT, {"allowBlobPublicAccess": True}, {"allowBlobPublicAccess": False}),
        (
            "no-public-access",
            "azure-native:storage:BlobContainer",
            {"publicAccess": "Blob"},
            {"publicAccess": "None"},
        ),
        (
            "no-public-access",
            "azure-native:containerregistry:Registry",
            {"anonymousPullEnabled": True},
            {"anonymousPullEnabled": False},
        ),
        ("tls", ACCOUNT, {"minimumTlsVersion": "TLS1_0"}, {"minimumTlsVersion": "TLS1_2"}),
        ("tls", BUS, {}, {"minimumTlsVersion": "1.2"}),
        (
            "tls",
            SITE,
            {"httpsOnly": False, "siteConfig": {"minTlsVersion": "1.2"}},
            {"httpsOnly": True, "siteConfig": {"minTlsVersion": "1.2"}},
        ),
        (
            "tls",
            "azure-native:app:ContainerApp",
            {"configuration": {"ingress": {"allowInsecure": True}}},
            {"configuration": {"ingress": {"allowInsecure": False}}},
        ),
        ("no-shared-keys", ACCOUNT, {}, {"allowSharedKeyAccess": False}),
        ("no-shared-keys", BUS, {"disableLocalAuth": False}, {"disableLocalAuth": True}),
        (
            "no-shared-keys",
            "azure-native:containerservice:ManagedCluster",
            {"disableLocalAccounts": False},
            {"disableLocalAccounts": True},
        ),
        ("tagged", VAULT, {"location": "westeurope"}, {"location": "westeurope", "tags": OURS}),
        ("tagged", VAULT, {"location": "westeurope", "tags": {"cs-stage": "dev"}}, {"properties": {}}),
        ("regions", VAULT, {"location": "brazilsouth"}, {"location": "West Europe"}),
    ],
)
def test_a_rule_speaks_up_for_what_it_is_there_for(
    policy: str, kind: str, bad: dict[str, Any], good: dict[str, Any]
) -> None:
    assert len(violations(policy, kind, bad)) == 1
    assert violations(policy, kind, good) == []
    assert violations(policy, "pulumi:pulumi:Stack", bad) == []


def test_the_regions_can_be_configured() -> None:
    assert violations("regions", VAULT, {"location": "brazilsouth"}, {"allowed": ["brazilsouth"]}) == []
    assert violations("regions", VAULT, {"location": "westeurope"}, {"allowed": ["brazilsouth"]})


def test_a_version_in_the_type_makes_no_difference() -> None:
    assert kind_of("azure-native:keyvault/v20241101:Vault") == kind_of(VAULT) == "keyvault:Vault"


def test_every_rule_is_mandatory_in_the_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {}
    monkeypatch.setattr("infra.policy_pack.__main__.PolicyPack", lambda **given: made.update(given))
    from infra.policy_pack.__main__ import main

    main()
    assert made["enforcement_level"] is EnforcementLevel.MANDATORY
    assert {policy.name for policy in made["policies"]} == set(BY_NAME)


def environments() -> Declared:
    given = record()
    return declare(lambda: Environment(given, Surroundings(), ground_of(given)).told)


@pytest.mark.parametrize("made", [environments, platform, pool], ids=["environment", "platform", "pool"])
def test_our_own_programs_violate_nothing(made: Any) -> None:
    said = {
        (step, policy.name): found
        for step, one in made().azure().items()
        for policy in POLICIES
        if (found := violations(policy.name, one.typ, one.inputs))
    }
    assert said == {}
