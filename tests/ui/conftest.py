"""One browser for the folder, one API a test. Where there is no Chromium these tests are skipped, and say so."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Playwright, async_playwright

from localazure.issuer import ALL_SCOPES, Client, Issuer, Keyring
from localazure.issuer import application as issuing
from localazure.issuer.grants import Grants
from localazure.issuer.people import PEOPLE
from localazure.issuer.sign_in import COOKIE
from tests.support.serving import serving
from tests.ui.chromium import CHROMIUM, FLAGS
from tests.ui.stage import Api, application, full


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and {"stage", "browser"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine's PATH"))


@pytest.fixture(scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as started:
        yield started


@pytest.fixture(scope="session")
async def browser(playwright: Playwright) -> AsyncIterator[Browser]:
    launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield launched
    await launched.close()


@pytest.fixture(scope="session")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    clients = {"runtime-client": Client("s3cret", "connectsoft", ALL_SCOPES)}
    return Keyring.open(tmp_path_factory.mktemp("issuer") / "issuer.json", clients)


@dataclass
class Stage:
    """Where the page is, who may sign in, what the API says, and what the browser complained about."""

    browser: Browser
    origin: str
    issuer: str
    grants: Grants
    api: Api
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    async def context(self, person: str | None = "viewer", **options: Any) -> BrowserContext:
        """A browser of its own in which somebody is signed in at the issuer already; None: nobody."""
        context = await self.browser.new_context(**options)
        context.set_default_timeout(15_000)
        self.contexts.append(context)
        if person is not None:
            session = self.grants.sign_in(PEOPLE[person])
            await context.add_cookies([{"name": COOKIE, "value": session, "url": self.issuer}])
        return context

    async def page(self, person: str | None = "viewer", **options: Any) -> Page:
        page = await (await self.context(person, **options)).new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        return page

    async def opened(self, address: str, heading: str, person: str = "viewer", **options: Any) -> Page:
        page = await self.page(person, **options)
        await page.goto(self.origin + address)
        await page.get_by_role("heading", level=1, name=heading).wait_for()
        return page

    async def acting(self, address: str, heading: str, person: str = "operator", **options: Any) -> Page:
        """Opened, with actions enabled."""
        page = await self.opened(address, heading, person, **options)
        await page.get_by_role("button", name="Enable actions").click()
        await page.get_by_role("button", name="Actions off").wait_for()
        await page.get_by_role("heading", level=1, name=heading).wait_for()
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        expected = "Failed to load resource" in message.text  # every 4xx that a test asked for
        if message.type in ("error", "warning") and not expected:
            self.complaints.append(f"{message.type}: {message.text}")


async def until(page: Page, holds: str) -> None:
    """Wait for an expression to hold. Not as the driver waits, which evaluates text: the page's policy forbids it."""
    for _ in range(300):
        with contextlib.suppress(Error):  # between two pages, on the way through the issuer
            if await page.evaluate(holds):
                return
        await page.wait_for_timeout(50)
    raise AssertionError(f"it never held: {holds}")


@pytest.fixture
async def stage(browser: Browser, keyring: Keyring) -> AsyncIterator[Stage]:
    async with contextlib.AsyncExitStack() as stack:
        grants, api = Grants(), Api(full())
        known: dict[str, Any] = {}

        async def deferred(scope: Any, receive: Any, send: Any) -> None:
            await known["app"](scope, receive, send)

        port = await stack.enter_async_context(serving(deferred))
        issuer = f"http://127.0.0.1:{port}"
        known["app"] = issuing(Issuer(issuer, "api://runtime-cloud", keyring), grants)
        at = await stack.enter_async_context(serving(application(api, issuer)))
        made = Stage(browser, f"http://127.0.0.1:{at}", issuer, grants, api)
        yield made
        if api.held is not None:
            api.held.set()
        for context in made.contexts:
            await context.close()


@pytest.fixture
def quiet(stage: Stage) -> Iterator[None]:
    """The browser had nothing to complain about: no error, no breach of the page's policy."""
    yield
    assert stage.complaints == []
