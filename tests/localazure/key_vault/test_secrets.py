"""Secrets as the real client sees them."""

from __future__ import annotations

import datetime as dt

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
)

from localazure.key_vault import Vaults


def soon(seconds):
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).replace(microsecond=0)


async def listed(pages):
    return [item async for item in pages]


async def test_the_newest_version_is_read_and_every_version_can_be(client):
    first = await client.set_secret("db", "one", content_type="text/plain", tags={"k": "v"})
    second = await client.set_secret("DB", "two")
    assert (await client.get_secret("db")).value == "two"
    assert (await client.get_secret("db", first.properties.version)).value == "one"
    assert first.properties.version != second.properties.version
    again = (await client.get_secret("db", first.properties.version)).properties
    assert (again.content_type, again.tags, again.enabled) == ("text/plain", {"k": "v"}, True)
    assert again.id == f"https://booking-kv.vault.azure.net/secrets/db/{first.properties.version}"
    assert again.recovery_level == "Recoverable+Purgeable"
    assert abs((again.created_on - dt.datetime.now(dt.UTC)).total_seconds()) < 5


async def test_the_challenge_leads_the_client_to_one_token_for_the_vaults_audience(client):
    await client.set_secret("a", "1")
    await client.get_secret("a")
    assert client.identity.scopes == ["https://vault.azure.net/.default"]


async def test_a_token_for_another_audience_is_refused(connect):
    with pytest.raises(ClientAuthenticationError):
        await connect(audience="https://management.azure.com").get_secret("a")


async def test_a_vault_that_does_not_exist_cannot_be_reached(connect):
    with pytest.raises(ServiceRequestError):
        await connect("nowhere").get_secret("a")


async def test_vaults_do_not_share_secrets(connect, vaults, client):
    vaults.create("other-kv")
    await client.set_secret("a", "1")
    with pytest.raises(ResourceNotFoundError):
        await connect("other-kv").get_secret("a")
    assert await listed(connect("other-kv").list_properties_of_secrets()) == []


async def test_what_is_missing_is_not_found(client):
    await client.set_secret("a", "1")
    for call in (
        client.get_secret("none"),
        client.get_secret("a", "0" * 32),
        client.update_secret_properties("none"),
        client.get_deleted_secret("a"),
        client.purge_deleted_secret("a"),
    ):
        with pytest.raises(ResourceNotFoundError) as missing:
            await call
        assert missing.value.error.code == "SecretNotFound"
    with pytest.raises(ResourceNotFoundError):
        await listed(client.list_properties_of_secret_versions("none"))


async def test_a_disabled_version_is_listed_but_not_read(client):
    version = (await client.set_secret("a", "1")).properties.version
    await client.update_secret_properties("a", version, enabled=False, tags={"why": "rotated"})
    for wanted in (None, version):
        with pytest.raises(HttpResponseError) as refused:
            await client.get_secret("a", wanted)
        assert (refused.value.status_code, refused.value.error.code) == (403, "Forbidden")
    (properties,) = await listed(client.list_properties_of_secret_versions("a"))
    assert (properties.enabled, properties.tags) == (False, {"why": "rotated"})
    await client.update_secret_properties("a", enabled=True)
    assert (await client.get_secret("a")).value == "1"


async def test_dates_are_kept_and_keep_nobody_from_reading(client):
    over, later = soon(-60), soon(600)
    await client.set_secret("a", "1", expires_on=over, not_before=soon(60))
    assert (await client.get_secret("a")).properties.expires_on == over
    changed = await client.update_secret_properties("a", expires_on=later)
    assert changed.expires_on == later


async def test_long_lists_come_in_pages(client, vaults):
    for i in range(62):
        vaults.set_secret("https://booking-kv.vault.azure.net/", f"s{i:02}", "v")
        vaults.set_secret("https://booking-kv.vault.azure.net/", "many", str(i))
    sizes, names = [], []
    async for page in client.list_properties_of_secrets().by_page():
        batch = await listed(page)
        sizes.append(len(batch))
        names += [item.name for item in batch]
        assert all(item.version is None for item in batch)
    assert sizes == [25, 25, 13]
    assert names == sorted(["many", *(f"s{i:02}" for i in range(62))])
    versions = await listed(client.list_properties_of_secret_versions("many"))
    assert len({item.version for item in versions}) == 62
    few = client.list_properties_of_secrets(max_page_size=3).by_page()
    assert len(await listed(await anext(few))) == 3


async def test_a_deleted_secret_can_be_recovered_or_purged(client):
    version = (await client.set_secret("a", "1")).properties.version
    deleted = await client.delete_secret("a")
    assert deleted.recovery_id == "https://booking-kv.vault.azure.net/deletedsecrets/a"
    assert deleted.scheduled_purge_date - deleted.deleted_date == dt.timedelta(days=90)
    with pytest.raises(ResourceNotFoundError):
        await client.get_secret("a")
    with pytest.raises(ResourceExistsError) as taken:
        await client.set_secret("a", "2")
    assert taken.value.error.innererror["code"] == "ObjectIsDeletedButRecoverable"
    assert [item.name for item in await listed(client.list_deleted_secrets())] == ["a"]
    assert (await client.get_deleted_secret("a")).properties.version == version
    assert (await client.recover_deleted_secret("a")).name == "a"
    assert (await client.get_secret("a")).value == "1"
    await client.delete_secret("a")
    await client.purge_deleted_secret("a")
    await client.set_secret("a", "3")
    assert len(await listed(client.list_properties_of_secret_versions("a"))) == 1


async def test_what_is_not_emulated_is_501(client):
    await client.set_secret("a", "1")
    for call in (client.backup_secret("a"), client.restore_secret_backup(b"x")):
        with pytest.raises(HttpResponseError) as refused:
            await call
        assert (refused.value.status_code, refused.value.error.code) == (501, "NotImplemented")


@pytest.mark.parametrize(
    ("name", "value", "options"),
    [
        ("under_score", "v", {}),
        ("x" * 128, "v", {}),
        ("a", "v" * 25 * 1024 + "v", {}),
        ("a", "v", {"tags": {str(i): "" for i in range(16)}}),
    ],
)
async def test_what_key_vault_refuses_is_refused(client, name, value, options):
    with pytest.raises(HttpResponseError) as refused:
        await client.set_secret(name, value, **options)
    assert (refused.value.status_code, refused.value.error.code) == (400, "BadParameter")


async def test_the_control_api_sets_secrets_that_the_client_reads(connect, vaults):
    document = vaults.set_secret("https://New-KV.vault.azure.net/", "a", "1")
    secret = await connect("new-kv").get_secret("a")
    assert (secret.value, secret.id) == ("1", document["id"])
    await connect("new-kv").delete_secret("a")
    vaults.set_secret("https://new-kv.vault.azure.net", "a", "2")
    assert (await connect("new-kv").get_secret("a")).value == "2"


@pytest.mark.parametrize(
    "uri",
    ["", "booking-kv", "http://booking-kv.vault.azure.net", "https://vault.azure.net", "https://a--b.vault.azure.net",
     "https://booking-kv.vault.azure.net/secrets", "https://booking-kv.vault.azure.net.evil.com", "https://x/booking-kv.vault.azure.net"],
)  # fmt: skip
def test_what_is_no_vaults_uri_is_refused(vaults, uri):
    with pytest.raises(ValueError, match="vault"):
        vaults.set_secret(uri, "a", "1")


def test_a_bad_secret_makes_no_vault(vaults):
    with pytest.raises(ValueError, match="name"):
        vaults.set_secret("https://fresh.vault.azure.net", "under_score", "1")
    assert not vaults.exists("fresh.vault.azure.net")


async def test_everything_survives_the_process(client, vaults, shelf):
    version = (await client.set_secret("a", "1", expires_on=soon(60), tags={"k": "v"})).properties.version
    await client.set_secret("a", "2")
    await client.set_secret("gone", "3")
    await client.delete_secret("gone")
    restarted = Vaults(shelf)
    assert restarted.get("booking-kv", "a") == vaults.get("booking-kv", "a")
    assert restarted.get("booking-kv", "a").version(version).value == "1"
    assert restarted.get_deleted("booking-kv", "gone").versions[0].value == "3"
    restarted.create("booking-kv")
    assert restarted.exists("Booking-KV.vault.azure.net")
    restarted.delete("booking-kv")
    assert not Vaults(shelf).exists("booking-kv.vault.azure.net")
    restarted.create("booking-kv")
    assert Vaults(shelf).all("booking-kv", deleted=False) == []
