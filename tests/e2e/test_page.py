"""The operators' page on the real platform: signed in, a bad release, its evidence, the rollback, the hold, and its end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.e2e.driving import WORKER, Platform, component, image
from tests.ui.chromium import CHROMIUM, FLAGS

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine's PATH")
TENANT = "connectsoft"  # of the people who can sign in
PATIENCE = 60_000  # milliseconds


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as driver:
        browser: Browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = await browser.new_page(viewport={"width": 1280, "height": 900})
        opened.set_default_timeout(PATIENCE)
        yield opened
        await browser.close()


async def signed_in(page: Page, platform: Platform, address: str, person: str) -> list[str]:
    """Open an address and choose who one is; what the browser complains about from then on."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None)
    await page.goto(f"{platform.endpoints['api']}{address}")
    await page.get_by_role("button", name="Sign in").first.click()
    await page.get_by_role("button", name=person).click()
    return complaints


async def test_a_bad_release_is_seen_understood_and_settled_in_the_page(platform: Platform, page: Page) -> None:
    tenant = platform.tenant(TENANT)
    environment_id = tenant.environment(name="page-prod-weu", stage="prod")
    good = [component(), component(WORKER, target="container-apps")]
    assert tenant.release(environment_id, good)["status"] == "Completed"
    platform.control.behave(image=image(WORKER, "9.9.9"), status="Unhealthy", httpStatus=200)
    bad = tenant.deploy(environment_id, [component(WORKER, "9.9.9", "container-apps")]).json()["deploymentId"]

    complaints = await signed_in(page, platform, f"/ui/go/{bad}", "Otto Operator")
    evidence = page.get_by_role("row").filter(has_text=WORKER)
    await evidence.get_by_text("Unhealthy", exact=True).first.wait_for()
    await page.get_by_text("Rolled back", exact=True).first.wait_for()
    await page.get_by_text("GateFailed").first.wait_for()

    await page.goto(f"{platform.endpoints['api']}/ui/")
    row = page.get_by_role("row").filter(has_text="page-prod-weu")
    await row.get_by_text("Hold").first.wait_for()
    await row.get_by_role("link", name="page-prod-weu").click()
    await page.get_by_text(re.compile("The platform starts nothing by itself")).wait_for()

    await page.get_by_role("button", name="Enable actions").click()
    await page.get_by_role("button", name="Release hold…").click()
    await page.locator(".effects li").first.wait_for()
    assert tenant.read(f"/environments/{environment_id}")["hold"], "the rehearsal did nothing"
    await page.get_by_role("dialog").get_by_role("button", name="Release the hold").click()
    await page.get_by_text("Done", exact=True).wait_for()
    assert "hold" not in tenant.read(f"/environments/{environment_id}")
    assert complaints == []


async def test_somebody_of_another_tenant_sees_nothing_of_it(platform: Platform, page: Page) -> None:
    environment_id = platform.tenant(TENANT).environment(name="page-other-weu")
    await signed_in(page, platform, f"/ui/e/{environment_id}", "Olga Outsider")
    await page.get_by_text("It is unknown, or another tenant's.").wait_for()
    assert "page-other-weu" not in await page.locator("main").inner_text()
