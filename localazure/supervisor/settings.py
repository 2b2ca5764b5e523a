"""The app's settings and the children's environment.

Names come from local.settings.sample.json and from nowhere else: the values there, then the endpoints of this platform,
then environment variables of the same names. The children's own environment is the user's without anything that could
point an Azure client at a real subscription, a real cluster or another trust store.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from localazure.issuer import ALL_SCOPES, PAGE_CLIENT, Client, Keyring
from localazure.issuer.keyring import keyring_path
from localazure.layout import LOOPBACK, Layout
from localazure.policy import DECISION_PATH
from localazure.service_bus import connection_string
from localazure.supervisor.kept import IDENTITY_HEADER, PROBE_SECRET, SIGNING_KEY, draw_secrets, secret
from localazure.supervisor.trouble import Trouble
from localazure.writing import replace_private

AUDIENCE = "api://runtime-cloud"
PROBE_CLIENT = "isolation-probe"
SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
PLATFORM_GROUP = "rg-runtime-cloud-platform"
PROVISIONER_JOB = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{PLATFORM_GROUP}/providers/Microsoft.App/jobs/runtime-provisioner"
)
# Azurite's published development credential: it protects nothing.
_STORAGE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

QUICK = {
    "GATE_STABLE_SECONDS": "2",
    "GATE_RETRY_TIMEOUT_SECONDS": "6",
    "HEALTH_SCHEDULE": "*/2 * * * * *",
    "DRIFT_SCHEDULE": "*/3 * * * * *",
    "UPKEEP_SCHEDULE": "* * * * * *",
    "ISOLATION_SCHEDULE": "*/30 * * * * *",
    "HEALTH_INTERVAL_SECONDS": "2",
    "DRIFT_INTERVAL_SECONDS": "3",
    "UPKEEP_INTERVAL_SECONDS": "1",
    "TRANSIENT_BUDGET_SECONDS": "20",
    "OPERATION_POLL_SECONDS": "2",
    "ACTIVITY_LIMIT_SECONDS": "10",
    "GRPC_POLL_SECONDS": "0.2",
}
OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT"
_FORBIDDEN_PREFIXES = ("AZURE_", "IDENTITY_", "MSI_", "ARM_")
_FORBIDDEN = {
    "KUBECONFIG", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
}  # fmt: skip


def otlp_endpoint(layout: Layout) -> str:
    """Where the platform's own collector takes telemetry, and shows it to a GET."""
    return f"{layout.url('control')}/telemetry"


def tables_connection(layout: Layout, port: str = "azuriteTables") -> str:
    """Azurite's well-known account. Blob and queue have ports of their own, which nothing serves: the app uses tables.

    `port` names where Table Storage is: Azurite itself, for programs that look at rows whatever is made to fail (Ready's
    `tables`), or `tables`, the proxy before it where faults strike and traffic is counted (the app).
    """
    account = "devstoreaccount1"
    parts = {
        "DefaultEndpointsProtocol": "http",
        "AccountName": account,
        "AccountKey": _STORAGE_KEY,
        "BlobEndpoint": f"{layout.url('azuriteBlob')}/{account}",
        "QueueEndpoint": f"{layout.url('azuriteQueue')}/{account}",
        "TableEndpoint": f"{layout.url(port)}/{account}",
    }
    return ";".join(f"{name}={value}" for name, value in parts.items()) + ";"


def open_keyring(layout: Layout) -> Keyring:
    """The issuer's keys; made at the first start, with a client that may ask for every public scope, and the isolation
    probe's, which is a tenant of its own and may do anything."""
    client = Client(secrets.token_urlsafe(32), "connectsoft", ALL_SCOPES)
    draw_secrets(layout.data)
    probe = Client(secret(layout.data, PROBE_SECRET), "isolation-probe", (*ALL_SCOPES, "runtime.internal"))
    return Keyring.open(keyring_path(layout.data), {"runtime-client": client, PROBE_CLIENT: probe})


def write_settings(layout: Layout, sample: Path, environ: Mapping[str, str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Write settings.json (0600) and return it; `chosen` by the options of this start.

    Raises `Trouble` when the sample cannot be read."""
    names = _sample(sample)
    draw_secrets(layout.data)
    own = {**_own(layout), **chosen}
    settings = {name: environ.get(name, own.get(name, value)) for name, value in names.items()}
    replace_private(layout.data / "settings.json", json.dumps(settings))
    return settings


def child_environment(layout: Layout, environ: Mapping[str, str]) -> dict[str, str]:
    """What every Python child sees, so that real Azure URLs end at the stand-ins."""
    kept = {name: value for name, value in environ.items() if not _forbidden(name)}
    proxy = layout.url("proxy")
    return {
        **kept,
        "IDENTITY_ENDPOINT": f"{layout.url('identity')}/msi/token",
        "IDENTITY_HEADER": secret(layout.data, IDENTITY_HEADER),
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "NO_PROXY": f"{LOOPBACK},localhost",
        "no_proxy": f"{LOOPBACK},localhost",
        "SSL_CERT_FILE": str(layout.ca_bundle),
        "PYTHONUNBUFFERED": "1",
    }


def _own(layout: Layout) -> dict[str, str]:
    return {
        "AzureWebJobsStorage": tables_connection(layout),
        "TABLES_CONNECTION": tables_connection(layout, "tables"),
        "ServiceBus": connection_string(layout.ports["serviceBus"]),
        "OIDC_ISSUER": layout.url("issuer"),
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_DECRYPTION_KEY": open_keyring(layout).decryption_setting(),
        "GOVERNANCE_URL": layout.url("policy") + DECISION_PATH,
        "PROVISIONER_JOB_ID": PROVISIONER_JOB,
        "PROVISIONER_ENGINE": "localazure.engine",
        "PLACEMENT_SUBSCRIPTION_ID": SUBSCRIPTION,
        "RUNTIME_SIGNING_KEY": secret(layout.data, SIGNING_KEY),
        "PROBE_ALLOWED_NETWORKS": "127.0.0.0/8",
        "GRPC_ADDRESS": f"{LOOPBACK}:{layout.ports['grpc']}",
        "ISOLATION_CLIENT_ID": PROBE_CLIENT,
        "ISOLATION_CLIENT_SECRET": secret(layout.data, PROBE_SECRET),
        "UI_CLIENT_ID": PAGE_CLIENT,
    }


def _sample(path: Path) -> dict[str, str]:
    try:
        values = json.loads(path.read_text())["Values"]
        return {str(name): str(value) for name, value in values.items()}
    except (OSError, ValueError, KeyError, AttributeError) as failure:
        raise Trouble(f"{path} cannot be read: {failure}") from failure


def _forbidden(name: str) -> bool:
    upper = name.upper()
    return upper in _FORBIDDEN or upper.startswith(_FORBIDDEN_PREFIXES)
