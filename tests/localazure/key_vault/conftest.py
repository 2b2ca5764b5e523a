"""Vaults behind TLS and the proxy, for the real client under a vault's real name."""

from __future__ import annotations

import time

import pytest
from azure.core.credentials import AccessToken
from azure.keyvault.secrets.aio import SecretClient

from localazure.identity import Tokens
from localazure.key_vault import Vaults, application
from localazure.layout import Layout
from localazure.shelf import Shelf
from localazure.tls import ConnectProxy, ensure_certificates
from tests.support.serving import serving


class Identity:
    """A credential that counts how often it is asked, and answers with tokens for `audience`."""

    def __init__(self, tokens: Tokens, audience: str = "https://vault.azure.net") -> None:
        self._tokens, self._audience = tokens, audience
        self.scopes: list[str] = []

    async def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        self.scopes += scopes
        return AccessToken(self._tokens.issue(self._audience, "client").text, int(time.time()) + 3600)

    async def close(self) -> None: ...


@pytest.fixture
def shelf(tmp_path):
    opened = Shelf(tmp_path / "vaults.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def vaults(shelf):
    made = Vaults(shelf)
    made.create("booking-kv")
    return made


@pytest.fixture(scope="session")
def tokens():
    return Tokens(b"secret of the tests")


@pytest.fixture(scope="session")
def certified(tmp_path_factory):
    layout = Layout(tmp_path_factory.mktemp("tls"))
    ensure_certificates(layout)
    return layout


@pytest.fixture
async def connect(vaults, tokens, certified):
    """Makes real clients of a vault: `connect(name, audience=…)`; the credential is at `.identity`."""
    app = application(vaults, tokens.check)
    async with serving(app, certificate=certified.certificate, key=certified.certificate_key) as port:
        proxy = ConnectProxy(0, {"*.vault.azure.net": port}, vaults.exists)
        await proxy.start()
        clients = []

        def make(name: str = "booking-kv", audience: str = "https://vault.azure.net") -> SecretClient:
            identity = Identity(tokens, audience)
            client = SecretClient(
                f"https://{name}.vault.azure.net",
                identity,
                proxies={"https": f"http://127.0.0.1:{proxy.port}"},
                connection_verify=str(certified.ca),
                retry_total=0,
            )
            client.identity = identity
            clients.append(client)
            return client

        yield make
        for client in clients:
            await client.close()
        await proxy.stop()


@pytest.fixture
def client(connect):
    return connect()
