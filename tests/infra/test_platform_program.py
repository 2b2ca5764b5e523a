"""The platform in Azure: no keys, no public data, the narrowest roles, and an app that is told what it reads."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra.components import roles
from infra.platform import duties
from infra.platform.alerts import BREACH, FORCED, RUNBOOKS, SEARCHED
from infra.platform.described import Described
from infra.platform.notices import UNDELIVERED
from infra.platform.program import Platform
from infra.platform.settings import ENGINE
from infra.provisioner.engine import PLATFORM as TIES
from shared.kernel import channels, metrics
from tests.infra.cloud import SUBSCRIPTION, Declared, declare

ROOT = Path(__file__).parents[2]
OPERATORS = {"OIDC_ISSUER": "https://issuer.example", "GOVERNANCE_URL": "https://governance.example"}
# Replaced by what an identity may do, or by what Azure knows: they are left out in Azure, or have a default that fits.
NOT_IN_AZURE = {
    "FUNCTIONS_WORKER_RUNTIME",
    "AzureWebJobsStorage",
    "TABLES_CONNECTION",
    "ServiceBus",
    "PULUMI_CONFIG_PASSPHRASE",
}
OF_GRPC = {"GRPC_ADDRESS", "GRPC_STREAMS_PER_TENANT", "GRPC_POLL_SECONDS", "GRPC_HEARTBEAT_SECONDS"}
OPTIONAL = {"OIDC_DECRYPTION_KEY", "GOVERNANCE_SCOPE", "SECRET_VAULTS", "PROBE_ALLOWED_NETWORKS", "UI_CLIENT_ID"}
OPTIONAL |= {"ISOLATION_CLIENT_ID", "ISOLATION_CLIENT_SECRET", "OTEL_EXPORTER_OTLP_ENDPOINT"}
OF_THE_JOB = {
    "PROVISIONER_ENGINE",
    "PULUMI_BACKEND_URL",
    "PULUMI_SECRETS_PROVIDER",
    *TIES,
}


@cache
def platform(stage: str = "prod", images: bool = True) -> Declared:
    described = Described(
        subscription=SUBSCRIPTION,
        placement="placement",
        tenant="tenant-1",
        stage=stage,
        region="westeurope",
        signing_key="k" * 40,
        app_settings=OPERATORS,
        alert_email="operator@example.com",
        provisioner_image="cr.azurecr.io/provisioner@sha256:1" if images else "",
        grpc_image="cr.azurecr.io/grpc@sha256:2" if images else "",
    )
    return declare(lambda: Platform(described).told)


def assigned(identity: str) -> set[tuple[str, str]]:
    """(role, last part of the scope) of one of the identities."""
    made = platform()
    found = {step: one for step, one in made.of_type(":RoleAssignment").items() if step.startswith(identity)}
    return {(one["roleDefinitionId"].rpartition("/")[2], one["scope"].rpartition("/")[2]) for one in found.values()}


def setting(name: str) -> Any:
    app = {one["name"]: one["value"] for one in platform()["FunctionsApp"]["siteConfig"]["appSettings"]}
    return app[name]


def test_storage_has_no_shared_keys_and_nothing_public() -> None:
    for step in ("AppStorage", "StateStorage"):
        account = platform()[step]
        assert account["allowSharedKeyAccess"] is False
        assert account["allowBlobPublicAccess"] is False
        assert account["minimumTlsVersion"] == "TLS1_2"
        assert account["enableHttpsTrafficOnly"] is True
    assert {one["publicAccess"] for one in platform().of_type(":BlobContainer").values()} == {"None"}


def test_earlier_states_of_stacks_can_be_brought_back() -> None:
    versions = platform()["StateVersions"]
    assert versions["isVersioningEnabled"] is True
    assert versions["deleteRetentionPolicy"] == {"enabled": True, "days": 30}


def test_the_functions_app_is_on_flex_consumption_with_instances_that_are_always_ready() -> None:
    site, plan = platform()["FunctionsApp"], platform()["FlexPlan"]
    assert plan["sku"] == {"name": "FC1", "tier": "FlexConsumption"}
    config = site["functionAppConfig"]
    assert config["runtime"]["name"] == "python"
    assert config["deployment"]["storage"]["authentication"]["type"] == "UserAssignedIdentity"
    ready = {one["name"]: one["instanceCount"] for one in config["scaleAndConcurrency"]["alwaysReady"]}
    assert ready == {"http": 1, "durable": 1}
    assert site["httpsOnly"] is True
    assert (site["siteConfig"]["minTlsVersion"], site["siteConfig"]["ftpsState"]) == ("1.2", "Disabled")
    assert {step: platform()[step]["allow"] for step in ("FtpPasswords", "DeploymentPasswords")} == {
        "FtpPasswords": False,
        "DeploymentPasswords": False,
    }


def test_the_app_is_told_every_setting_that_it_reads_and_no_other() -> None:
    sample = set(json.loads((ROOT / "local.settings.sample.json").read_text())["Values"])
    given = {one["name"] for one in platform()["FunctionsApp"]["siteConfig"]["appSettings"]}
    ours = {name for name in given if not name.startswith(("AzureWebJobsStorage__", "APPLICATIONINSIGHTS_A", "DURABLE_"))}
    ours -= {"ServiceBus__credential", "ServiceBus__clientId"}
    assert ours == sample - NOT_IN_AZURE - OPTIONAL - OF_THE_JOB - OF_GRPC


def test_the_job_is_told_what_the_app_is_told_and_its_engine() -> None:
    container = platform()["ProvisionerJob"]["template"]["containers"][0]
    given = {one["name"]: one.get("value") for one in container["env"]}
    sample = set(json.loads((ROOT / "local.settings.sample.json").read_text())["Values"])
    wanted = sample - NOT_IN_AZURE - OPTIONAL - OF_GRPC - {"AzureWebJobsDisableHomepage"}
    assert set(given) == wanted | {"AZURE_CLIENT_ID"}
    assert given["PROVISIONER_ENGINE"] == ENGINE
    assert given["PULUMI_BACKEND_URL"].startswith("azblob://pulumi-state?storage_account=stp")
    assert given["PULUMI_SECRETS_PROVIDER"].startswith("azurekeyvault://kv-prod-")
    assert {name: given[name] for name in TIES} == {name: platform().outputs[output] for name, output in TIES.items()}
    assert container["command"] == ["python", "-m", "infra.provisioner"]
    assert platform()["ProvisionerJob"]["configuration"]["replicaRetryLimit"] == 0


def test_secrets_are_references_to_the_vault() -> None:
    assert setting("RUNTIME_SIGNING_KEY").startswith("@Microsoft.KeyVault(VaultName=kv-prod-")
    for step in ("ProvisionerJob", "GrpcService"):
        one = platform()[step]
        assert one["configuration"]["secrets"][0]["keyVaultUrl"].endswith("/secrets/runtime-signing-key")
        assert "value" not in one["configuration"]["secrets"][0]
        variables = {each["name"]: each for each in one["template"]["containers"][0]["env"]}
        assert variables["RUNTIME_SIGNING_KEY"]["secretRef"] == "runtime-signing-key"


def test_the_settings_name_what_is_made() -> None:
    made = platform()
    assert setting("PROVISIONER_JOB_ID").rpartition("/")[2] == made["ProvisionerJob"]["jobName"]
    assert setting("ServiceBus__fullyQualifiedNamespace") == f"{made['ServiceBus']['namespaceName']}.servicebus.windows.net"
    assert setting("TABLES_ENDPOINT") == f"https://{made['AppStorage']['accountName']}.table.core.windows.net"
    assert setting("TASKHUB_NAME") == made["TaskHub"]["taskHubName"]
    connection = setting("DURABLE_TASK_SCHEDULER_CONNECTION_STRING")
    assert connection == (
        "Endpoint=https://dts.example;TaskHub=RuntimeCloud;Authentication=ManagedIdentity;ClientID=client-1"
    )


def test_the_topic_drops_what_was_sent_twice_and_the_entities_are_those_of_the_local_broker() -> None:
    from localazure.service_bus.entities import RUNTIME

    made = platform()
    topic = made["EventsTopic"]
    assert topic["requiresDuplicateDetection"] is True
    assert topic["duplicateDetectionHistoryTimeWindow"] == "PT10M"
    assert made["ServiceBus"]["disableLocalAuth"] is True
    assert made["ServiceBus"]["minimumTlsVersion"] == "1.2"
    assert {one["queueName"] for one in made.of_type(":Queue").values()} == {queue.name for queue in RUNTIME.queues}
    local = {(topic.name, one.name) for topic in RUNTIME.topics for one in topic.subscriptions}
    assert {(one["topicName"], one["subscriptionName"]) for one in made.of_type(":Subscription").values()} == local


def test_the_app_changes_workloads_and_makes_no_environment() -> None:
    made = platform()
    own = {step: one["roleDefinitionId"] for step, one in made.of_type(":RoleDefinition").items()}
    app = assigned("App")
    assert (own["WorkloadOperator"], "placement") in app
    assert (own["JobOperator"], "rg-cs-platform-prod") in app
    given = {role for role, _scope in app}
    assert given == {
        roles.TABLE_DATA, roles.BLOB_OWNER, roles.QUEUE_DATA, roles.BUS_SENDER, roles.BUS_RECEIVER, roles.DURABLE_TASK,
        roles.SECRETS_USER, roles.METRICS_PUBLISHER, own["WorkloadOperator"], own["JobOperator"],
    }  # fmt: skip
    assert (roles.SECRETS_USER, "runtime-signing-key") in app  # that one secret, not the vault


def test_the_apps_own_role_gives_no_roles_makes_no_vaults_and_reads_no_values() -> None:
    permitted = duties.WORKLOADS["actions"]
    assert not [action for action in permitted if action.startswith(("Microsoft.Authorization", "Microsoft.KeyVault", "*"))]
    assert duties.WORKLOADS["data_actions"][0] == "Microsoft.KeyVault/vaults/secrets/readMetadata/action"
    assert not [one for one in duties.WORKLOADS["data_actions"] if "getSecret" in one]
    assert "Microsoft.ContainerService/managedClusters/secrets/*" in duties.WORKLOADS["not_data_actions"]


def test_the_provisioner_is_contributor_where_environments_are_and_gives_three_roles_to_service_principals() -> None:
    given = assigned("Provisioner")
    assert (roles.CONTRIBUTOR, "placement") in given
    assert (roles.RBAC_ADMINISTRATOR, "placement") in given
    condition = platform()["ProvisionerGives"]["condition"]
    for role in (roles.SECRETS_USER, roles.ACR_PULL, roles.NETWORK_CONTRIBUTOR):
        assert role in condition
    assert condition.count("ServicePrincipal") == 2
    assert condition.count("GuidEquals") == 2
    assert platform()["ProvisionerGives"]["conditionVersion"] == "2.0"
    assert (roles.CRYPTO_USER, "pulumi-state") in given


def test_vaults_notices_are_sent_as_an_identity_that_sends_to_their_queue_and_keeps_what_it_could_not_deliver() -> None:
    assert assigned("Notices") == {(roles.BUS_SENDER, channels.NOTICES), (roles.BLOB_DATA, UNDELIVERED)}
    told = platform().outputs
    assert f"/storageAccounts/{platform()['AppStorage']['accountName']}/" in told["noticesContainerId"]
    assert f"/namespaces/{platform()['ServiceBus']['namespaceName']}/" in told["noticesQueueId"]
    assert told["noticesIdentityId"].rpartition("/")[2] == platform()["NoticesIdentity"]["resourceName"]


def test_the_provisioner_ties_vaults_to_the_notices_identity_its_queue_and_its_container_and_to_nothing_else() -> None:
    made = platform()
    own = {step: one["roleDefinitionId"] for step, one in made.of_type(":RoleDefinition").items()}
    scopes = {
        one["scope"]
        for one in made.of_type(":RoleAssignment").values()
        if own["NoticeSubscriber"] in one["roleDefinitionId"]
    }
    assert scopes == {made.outputs[name] for name in ("noticesIdentityId", "noticesQueueId", "noticesContainerId")}
    assert (own["NoticeSubscriber"], channels.NOTICES) in assigned("Provisioner")
    assert not [one for one in duties.NOTICES["actions"] if one.endswith("*")]


def test_nobody_but_the_provisioner_is_contributor() -> None:
    strong = {roles.CONTRIBUTOR, roles.RBAC_ADMINISTRATOR}
    assert {role for role, _scope in assigned("App") | assigned("Grpc")} & strong == set()


def test_an_operator_is_woken_by_operations_that_never_settled_and_by_dead_letters() -> None:
    made = platform()
    query = made["UnsettledOperations"]["criteria"]["allOf"][0]
    assert FORCED in query["query"]
    assert made["DeadLetters"]["criteria"]["allOf"][0]["metricName"] == "DeadletteredMessages"
    assert made["AlertGroup"]["emailReceivers"][0]["emailAddress"] == "operator@example.com"


def test_each_alert_names_the_page_that_says_what_to_do_and_each_page_has_its_alert() -> None:
    made = platform()
    alerts = {**made.of_type(":ScheduledQueryRule"), **made.of_type(":MetricAlert")}
    assert len(alerts) == len(SEARCHED) + 1
    named = {one["description"].rpartition(" ")[2] for one in alerts.values()}
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / RUNBOOKS).glob("*.md")}
    assert named == pages - {f"{RUNBOOKS}/README.md"}


def test_an_operator_is_woken_by_breaches_late_events_and_releases_that_are_taken_back() -> None:
    queries = {one.step: platform()[one.step]["criteria"]["allOf"][0]["query"] for one in SEARCHED}
    assert metrics.OPERATION_UNSETTLED in queries["UnsettledOperations"]
    assert metrics.OUTBOX_LAG in queries["OutboxLag"]
    assert metrics.ROLLBACK_RATE in queries["RollbackRate"]
    assert BREACH in queries["IsolationBreach"]
    assert platform()["RollbackRate"]["windowSize"] == "PT6H"


def test_the_workbook_has_a_chart_of_every_metric() -> None:
    charts = json.loads(platform()["Workbook"]["serializedData"])["items"]
    assert [chart["name"] for chart in charts] == list(metrics.INSTRUMENTS)
    assert all(f'Name == "{chart["name"]}"' in chart["content"]["query"] for chart in charts)


def test_the_line_of_a_breach_is_the_one_that_is_looked_for(caplog: pytest.LogCaptureFixture) -> None:
    source = (ROOT / "shared" / "runtime" / "probing" / "recording.py").read_text()
    name = BREACH.removesuffix(": ")
    assert f'count("{name}"' in source
    metrics.count(name, raised=True, route="GET /x", status="200")
    assert caplog.records[-1].getMessage().startswith(BREACH)


def test_the_line_that_the_alert_looks_for_is_the_one_that_is_logged() -> None:
    assert FORCED in (ROOT / "shared" / "runtime" / "upkeep" / "settling.py").read_text()


def test_the_grpc_service_is_told_how_to_serve() -> None:
    given = {one["name"]: one.get("value") for one in platform()["GrpcService"]["template"]["containers"][0]["env"]}
    assert set(given) >= OF_GRPC | {"OIDC_ISSUER", "TABLES_ENDPOINT", "MANAGED_IDENTITY_CLIENT_ID"}
    ingress = platform()["GrpcService"]["configuration"]["ingress"]
    assert given["GRPC_ADDRESS"] == f"0.0.0.0:{ingress['targetPort']:.0f}"


def test_grpc_is_served_over_http2_with_tls_alone() -> None:
    ingress = platform()["GrpcService"]["configuration"]["ingress"]
    assert (ingress["transport"], ingress["allowInsecure"]) == ("http2", False)


def test_before_images_are_pushed_there_is_a_registry_and_nothing_that_runs_them() -> None:
    made = platform(images=False)
    assert "Registry" in made
    assert not {"ProvisionerJob", "GrpcService"} & set(made.resources)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_names_fit(stage: str) -> None:
    made = platform(stage)
    limits = {
        "AppStorage": ("accountName", 24),
        "StateStorage": ("accountName", 24),
        "KeyVault": ("vaultName", 24),
        "Registry": ("registryName", 50),
        "ServiceBus": ("namespaceName", 50),
        "FunctionsApp": ("name", 32),  # the host id is cut there
        "ProvisionerJob": ("jobName", 32),
        "GrpcService": ("containerAppName", 32),
        "Scheduler": ("schedulerName", 64),
    }
    assert {step: made[step][name] for step, (name, longest) in limits.items() if len(made[step][name]) > longest} == {}


def test_production_alone_is_redundant() -> None:
    assert platform("prod")["AppStorage"]["sku"]["name"] == "Standard_ZRS"
    assert platform("prod")["ServiceBus"]["sku"]["name"] == "Premium"
    assert platform("dev")["ServiceBus"]["sku"]["name"] == "Standard"
    assert platform("dev")["KeyVault"]["properties"].get("enablePurgeProtection") is None


def test_the_namespace_holds_what_the_app_sends_to_and_listens_on() -> None:
    assert {one["queueName"] for one in platform().of_type("servicebus:Queue").values()} == set(channels.QUEUES)
    subscriptions = platform().of_type("servicebus:Subscription").values()
    assert {(one["topicName"], one["subscriptionName"]) for one in subscriptions} == {
        (channels.EVENTS, name) for name in channels.SUBSCRIPTIONS
    }
    assert {one["maxDeliveryCount"] for one in subscriptions} == {channels.DELIVERIES}
