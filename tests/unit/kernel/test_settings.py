"""Settings: all that is wrong at once, nothing secret repeated."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.kernel.settings import BadSettings, read

NEEDED = {
    "OIDC_ISSUER": "https://login.example/",
    "OIDC_AUDIENCE": "api://runtime",
    "GOVERNANCE_URL": "https://policy.example/v1/data/runtime/allow",
    "TABLES_ENDPOINT": "https://account.table.example",
    "ServiceBus__fullyQualifiedNamespace": "ns.servicebus.example",
    "RUNTIME_SIGNING_KEY": "k" * 32,
    "PLACEMENT_SUBSCRIPTION_ID": "sub-1",
    "PROVISIONER_JOB_ID": "/subscriptions/sub-1/job",
    "IMAGE_REGISTRIES": "acr.azurecr.io",
}


def problems(**changed: str) -> list[str]:
    with pytest.raises(BadSettings) as bad:
        read(NEEDED | changed)
    return bad.value.problems


def test_the_needed_ones_are_enough() -> None:
    settings = read(NEEDED)
    assert settings.governance.receipt_lifetime == timedelta(hours=24)
    assert settings.state.service_bus == "ns.servicebus.example"
    assert settings.platform.secret_vaults == frozenset()
    assert settings.identity.decryption_key is None
    assert settings.pace.stale_after == timedelta(seconds=90)


def test_everything_missing_is_named_at_once() -> None:
    with pytest.raises(BadSettings) as bad:
        read({})
    told = " ".join(bad.value.problems)
    assert len(bad.value.problems) == len(NEEDED)
    for name in NEEDED:
        assert name in told
    for name in ("TABLES_CONNECTION", "ServiceBus,"):
        assert name in told, "the alternative is named too"


def test_blank_is_missing() -> None:
    assert problems(OIDC_ISSUER="  ") == ["OIDC_ISSUER is missing"]


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_each_missing_one_is_named(name: str) -> None:
    told = problems(**{name: ""})
    assert len(told) == 1
    assert name in told[0]


NUMBERS = [
    "GOVERNANCE_RECEIPT_HOURS",
    "SWEEP_SHARDS",
    "GATE_WAIT_SECONDS",
    "GATE_STABLE_SECONDS",
    "GATE_RETRY_TIMEOUT_SECONDS",
    "HEALTH_INTERVAL_SECONDS",
    "DRIFT_INTERVAL_SECONDS",
    "UPKEEP_INTERVAL_SECONDS",
    "TRANSIENT_BUDGET_SECONDS",
    "OPERATION_POLL_SECONDS",
]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["hunter2", "-1", "nan", "inf", "1e999"])
def test_what_is_no_usable_number_is_named_without_its_text(name: str, value: str) -> None:
    told = problems(**{name: value})
    assert len(told) == 1
    assert told[0].startswith(f"{name} is not usable")
    assert "hunter2" not in told[0]


def test_wrong_ones_and_missing_ones_are_told_together() -> None:
    told = problems(SWEEP_SHARDS="0", RUNTIME_SIGNING_KEY="short", OIDC_AUDIENCE="")
    assert {text.split()[0] for text in told} == {"SWEEP_SHARDS", "RUNTIME_SIGNING_KEY", "OIDC_AUDIENCE"}
    assert "short" not in " ".join(told).replace("shorter", "")


def test_lists_are_taken_apart() -> None:
    platform = read(NEEDED | {"IMAGE_REGISTRIES": " a.io, b.io ,,", "SECRET_VAULTS": "https://kv.example/"}).platform
    assert platform.image_registries == {"a.io", "b.io"}
    assert platform.secret_vaults == {"https://kv.example"}


def test_secrets_do_not_show_in_representations() -> None:
    secrets = {"OIDC_DECRYPTION_KEY": "SECRET-1", "TABLES_CONNECTION": "SECRET-2", "ServiceBus": "SECRET-3"}
    shown = repr(read(NEEDED | secrets | {"RUNTIME_SIGNING_KEY": "SECRET" * 6}))
    assert "SECRET" not in shown
