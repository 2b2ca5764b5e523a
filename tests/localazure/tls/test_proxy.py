"""The proxy: real clients with their default flags reach the stand-ins by Azure's names, and nothing else."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from localazure.key_vault import Vaults
from localazure.key_vault import application as key_vault
from localazure.shelf import Shelf
from localazure.tls import ConnectProxy
from tests.support.serving import serving

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def vaults(tmp_path):
    shelf = Shelf(tmp_path / "vaults.sqlite")
    vaults = Vaults(shelf)
    vaults.create("booking-kv")
    yield vaults
    shelf.close()


@pytest.fixture
async def vault_port(layout, vaults):
    async with serving(key_vault(vaults), certificate=layout.certificate, key=layout.certificate_key) as port:
        yield port


@pytest.fixture
def closed_port():
    with socket.socket() as held:  # bound, not listening: refuses
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
async def proxy(vault_port, closed_port, vaults):
    routes = {"*.vault.azure.net": vault_port, "management.azure.com": vault_port, "down.azurecr.io": closed_port}
    running = ConnectProxy(0, routes, lambda host: not host.endswith(".vault.azure.net") or vaults.exists(host))
    await running.start()
    yield running
    await running.stop()


async def answered(proxy, head):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(head)
    try:
        return await asyncio.wait_for(reader.read(65536), 5)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        "CONNECT example.com:443 HTTP/1.1",
        "CONNECT login.microsoftonline.com:443 HTTP/1.1",
        "CONNECT a.b.vault.azure.net:443 HTTP/1.1",
        "CONNECT vault.azure.net:443 HTTP/1.1",
        "CONNECT booking-kv.vault.azure.net:22 HTTP/1.1",
        "CONNECT booking-kv.vault.azure.net.evil.com:443 HTTP/1.1",
        "CONNECT 169.254.169.254:80 HTTP/1.1",
        "GET http://management.azure.com/ HTTP/1.1",
        "GET / HTTP/1.1",
        "nonsense",
    ],
)
async def test_every_other_host_is_refused(proxy, head):
    answer = await answered(proxy, f"{head}\r\nHost: x\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 403 ")


async def test_a_head_without_end_is_cut_off(proxy):
    assert await answered(proxy, b"CONNECT " + b"a" * 40_000) == b""


async def test_hosts_are_matched_without_case(proxy, vault_port):
    assert proxy.route("Booking-KV.Vault.Azure.Net") == vault_port
    assert proxy.route("MANAGEMENT.azure.com") == vault_port
    assert proxy.route("other.azure.com") is None


CLIENT = """
import asyncio, time
from azure.core import AsyncPipelineClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy
from azure.core.rest import HttpRequest
from azure.keyvault.secrets import SecretClient as SyncSecretClient
from azure.keyvault.secrets.aio import SecretClient

class Identity:
    async def get_token(self, *scopes, **options):
        return AccessToken("t", int(time.time()) + 3600)
    async def close(self): pass

class SyncIdentity:
    def get_token(self, *scopes, **options):
        return AccessToken("t", int(time.time()) + 3600)

async def refused(call):
    try:
        await call
    except ServiceRequestError:
        return True

async def main():
    async with SecretClient("https://booking-kv.vault.azure.net", Identity()) as client:
        await client.set_secret("a", "b")
        print("aio", (await client.get_secret("a")).value)
    with SyncSecretClient("https://booking-kv.vault.azure.net", SyncIdentity()) as client:
        print("sync", client.get_secret("a").value)
    policy = AsyncBearerTokenCredentialPolicy(Identity(), "https://management.azure.com/.default")
    async with AsyncPipelineClient("https://management.azure.com", policies=[policy]) as client:
        answer = await client.send_request(HttpRequest("GET", "https://management.azure.com/subscriptions"))
        print("pipeline", answer.status_code)
    for url in ("https://unknown.vault.azure.net", "https://down.azurecr.io"):
        async with AsyncPipelineClient(url, policies=[policy]) as client:
            print("refused", await refused(client.send_request(HttpRequest("GET", url))))
    with SyncSecretClient("https://unknown.vault.azure.net", SyncIdentity(), retry_total=0) as client:
        try:
            client.get_secret("a")
        except ServiceRequestError:
            print("refused sync")

asyncio.run(main())
"""


async def test_real_clients_with_default_flags_reach_the_stand_ins(proxy, layout):
    environment = {
        **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}",
        "NO_PROXY": "127.0.0.1,localhost",
        "SSL_CERT_FILE": str(layout.ca_bundle),
        "REQUESTS_CA_BUNDLE": str(layout.ca_bundle),
    }
    child = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", textwrap.dedent(CLIENT)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert child.stdout.splitlines() == [
        "aio b",
        "sync b",
        "pipeline 404",  # the vault's answer to a host that is no vault: the request came through
        "refused True",
        "refused True",
        "refused sync",
    ], child.stderr


async def test_a_stopped_proxy_refuses_cuts_its_tunnels_and_starts_again_on_its_port(proxy, layout):
    context = ssl.create_default_context(cafile=layout.ca_bundle)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"CONNECT booking-kv.vault.azure.net:443 HTTP/1.1\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    await writer.start_tls(context, server_hostname="booking-kv.vault.azure.net")
    port = proxy.port
    await proxy.stop()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError, ssl.SSLError)):
        await asyncio.wait_for(reader.readexactly(1), 5)
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    await proxy.start()
    assert proxy.port == port
    assert (await answered(proxy, b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 403 ")
