"""The app's settings in Azure. Their names are those of local.settings.sample.json; a test holds the two together.

What a setting of Azure's own replaces is left out (connection strings: roles open everything here), and so is what has a
default that fits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import pulumi

from infra.platform.described import Described
from infra.platform.durable import HUB
from infra.provisioner.engine import PLATFORM

Text: TypeAlias = pulumi.Input[str]
ROOT = Path(__file__).resolve().parents[2]
ENGINE = "infra.provisioner.pulumi_engine"

# What the sample has a value for and Azure another one, or none.
_OWN: Final = frozenset(
    {
        "FUNCTIONS_WORKER_RUNTIME",
        "AzureWebJobsStorage",
        "AzureWebJobsDisableHomepage",
        "TASKHUB_NAME",
        "TABLES_CONNECTION",
        "PLACEMENT_SUBSCRIPTION_ID",
        "IMAGE_REGISTRIES",
    }
)


def _everywhere() -> dict[str, str]:
    """What is the same on every machine, as `local.settings.sample.json` has it: how long things take, how often."""
    values = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))["Values"]
    return {name: value for name, value in values.items() if value and name not in _OWN and not name.startswith("GRPC_")}


PACE: Final[dict[str, str]] = {**_everywhere(), "SWEEP_SHARDS": "16"}


GRPC_PORT = 8080
GRPC: dict[str, str] = {
    "GRPC_ADDRESS": f"0.0.0.0:{GRPC_PORT}",
    "GRPC_STREAMS_PER_TENANT": "2000",
    "GRPC_POLL_SECONDS": "1",
    "GRPC_HEARTBEAT_SECONDS": "15",
}


@dataclass(frozen=True)
class Found:
    """Where the app finds what it stands on."""

    tables_endpoint: str
    bus_host: str
    job_id: str
    registry: Text
    insights: Text  # the connection string of Application Insights, which opens nothing by itself


def shared_settings(described: Described, found: Found, client_id: Text, signing_key: str) -> dict[str, Text]:
    """What every process of the app reads: the Functions app, the gRPC service, the provisioner."""
    registries = pulumi.Output.all(found.registry, *described.registries).apply(lambda names: ",".join(map(str, names)))
    return {
        **PACE,
        **described.app_settings,
        "TASKHUB_NAME": HUB,
        "TABLES_ENDPOINT": found.tables_endpoint,
        "ServiceBus__fullyQualifiedNamespace": found.bus_host,
        "MANAGED_IDENTITY_CLIENT_ID": client_id,
        "RUNTIME_SIGNING_KEY": signing_key,
        "PLACEMENT_SUBSCRIPTION_ID": described.placement,
        "PROVISIONER_JOB_ID": found.job_id,
        "IMAGE_REGISTRIES": registries,
        "APPLICATIONINSIGHTS_CONNECTION_STRING": found.insights,
    }


def provisioner_settings(backend: str, provider: str, platform: Mapping[str, str]) -> Mapping[str, Text]:
    """What the job reads besides. `backend`: where states are kept; `provider`: what encrypts their secrets; `platform`:
    what it ties environments to, by the outputs of `PLATFORM`, all of them."""
    return {
        "PROVISIONER_ENGINE": ENGINE,
        "PULUMI_BACKEND_URL": backend,
        "PULUMI_SECRETS_PROVIDER": provider,
        **{setting: platform[output] for setting, output in PLATFORM.items()},
    }
