"""Registries: the real client against the registry stand-in, through TLS and the proxy that leads its host there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import AioHttpTransport

import localazure.registry
from localazure.control.faults import Faults, Mode
from localazure.control.traffic import Traffic
from localazure.identity import Tokens
from localazure.layout import Layout
from localazure.services import throttling
from localazure.services.dependency import Shapes
from localazure.services.stand_in import HttpStandIn, Tls
from localazure.shelf import Shelf
from localazure.tls import ConnectProxy, ensure_certificates
from localazure.workloads.images import Images, pinned
from shared.azure.registry import SCOPE, Registries
from shared.kernel.errors import Refused, Transient
from tests.support.ports import free_port

IMAGE = "acr.azurecr.io/team/orders:1.4.2"


@dataclass
class Hosted:
    registries: Registries
    images: Images
    faults: Faults
    traffic: Traffic
    authority: Path
    asked: list[str] = field(default_factory=list)  # scopes for which the identity gave a token

    def paths(self) -> list[tuple[str, str, int, int]]:
        return [tuple(row.values()) for row in self.traffic.document()["registry"]]  # type: ignore[misc]


class Identity:
    def __init__(self, tokens: Tokens, asked: list[str], audience: str = "https://containerregistry.azure.net") -> None:
        self._tokens, self._asked, self._audience = tokens, asked, audience

    async def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        self._asked.extend(scopes)
        issued = self._tokens.issue(self._audience, "app")
        return AccessToken(issued.text, issued.expires_on)

    async def close(self) -> None: ...


@pytest.fixture
async def hosted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hosted]:
    (tmp_path / "ports.json").write_text(json.dumps({}))
    layout = Layout(tmp_path)
    ensure_certificates(layout)
    shelf, tokens, port = Shelf(layout.state), Tokens(b"secret"), free_port()
    images, faults, traffic = Images(shelf), Faults(), Traffic()
    shapes = Shapes(localazure.registry.error, throttling.registry)
    app = localazure.registry.application(images, tokens)
    tls = Tls(layout.certificate, layout.certificate_key)
    listener = HttpStandIn.of("registry", app, port, shapes, faults, traffic, tls)
    proxy = ConnectProxy(free_port(), {"acr.azurecr.io": port})
    await listener.start()
    await proxy.start()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    asked: list[str] = []
    transport = AioHttpTransport(connection_verify=str(layout.ca), connection_timeout=2, read_timeout=2)
    registries = Registries(lambda: Identity(tokens, asked), transport=transport)  # type: ignore[return-value]
    yield Hosted(registries, images, faults, traffic, layout.ca, asked)
    await registries.close()
    await faults.lift()
    await proxy.stop()
    await listener.stop()
    shelf.close()


async def test_a_tag_is_resolved_to_its_digest_with_a_token_of_the_registry(hosted: Hosted) -> None:
    digest = await hosted.registries.resolve(IMAGE)

    assert digest == f"sha256:{sha256(IMAGE.encode()).hexdigest()}"
    assert hosted.asked == [SCOPE]
    manifest = "/v2/team/orders/manifests/1.4.2"
    assert hosted.paths() == [
        ("HEAD", manifest, 401, 1),
        ("POST", "/oauth2/exchange", 200, 1),
        ("POST", "/oauth2/token", 200, 1),
        ("HEAD", manifest, 200, 1),
    ]


async def test_the_next_tag_of_the_repository_costs_one_request(hosted: Hosted) -> None:
    await hosted.registries.resolve(IMAGE)
    before = len(hosted.paths())
    await hosted.registries.resolve("acr.azurecr.io/team/orders:1.5.0")
    assert len(hosted.paths()) == before + 1


async def test_a_resolved_digest_is_shown_by_its_tag_and_no_other_is(hosted: Hosted) -> None:
    digest = await hosted.registries.resolve(IMAGE)
    assert hosted.images.shown(f"acr.azurecr.io/team/orders@{digest}") == IMAGE
    assert hosted.images.shown(f"acr.azurecr.io/team/other@{digest}") == f"acr.azurecr.io/team/other@{digest}"
    assert pinned(IMAGE) == f"acr.azurecr.io/team/orders@{digest}"


async def test_a_digest_is_what_it_is(hosted: Hosted) -> None:
    digest = f"sha256:{'a' * 64}"
    for image in (f"acr.azurecr.io/orders@{digest}", f"acr.azurecr.io/orders:1@{digest}"):
        assert await hosted.registries.resolve(image) == digest


async def test_an_image_that_does_not_exist_is_refused(hosted: Hosted) -> None:
    with pytest.raises(Refused) as told:
        await hosted.registries.resolve("acr.azurecr.io/orders:missing-1")
    assert (told.value.dependency, told.value.code) == ("registry", "ImageNotFound")


async def test_a_token_for_something_else_opens_no_registry(hosted: Hosted) -> None:
    identity = Identity(Tokens(b"secret"), [], "https://management.azure.com")
    transport = AioHttpTransport(connection_verify=str(hosted.authority))
    strange = Registries(lambda: identity, transport=transport)  # type: ignore[return-value]
    with pytest.raises(Refused) as told:
        await strange.resolve(IMAGE)
    assert told.value.code == "ImageAccessDenied"
    await strange.close()


@pytest.mark.parametrize("mode", [Mode.DOWN, Mode.ERROR, Mode.THROTTLE, Mode.ACK_LOST])
async def test_a_registry_that_is_away_is_transient_and_comes_back(hosted: Hosted, mode: Mode) -> None:
    await hosted.faults.impose("registry", mode, 1.0, 30)
    with pytest.raises(Transient) as told:
        await hosted.registries.resolve(IMAGE)
    assert told.value.dependency == "registry"
    await hosted.faults.lift()
    assert await hosted.registries.resolve(IMAGE)


async def test_a_registry_that_nobody_leads_to_is_transient(hosted: Hosted) -> None:
    with pytest.raises(Transient):
        await hosted.registries.resolve("elsewhere.azurecr.io/orders:1")
