"""What the page must hold, whatever is shown: its addresses, its requests, its secrets, its policy."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter

import pytest
from playwright.async_api import Page, Route
from playwright.async_api import Request as Sent

from tests.ui import documents
from tests.ui.conftest import Stage, until

MINUTE, TEN_MINUTES = "01:00", "10:00"
HEADINGS = {
    "/ui/": "What needs a person",
    "/ui/?stage=prod&q=booking": "What needs a person",
    f"/ui/e/{documents.BUSY}": "booking-prod-weu",
    f"/ui/e/{documents.BUSY}?service=reservations-api": "booking-prod-weu",
    f"/ui/e/{documents.BUSY}/drift?status=Open": "Drift of booking-prod-weu",
    f"/ui/e/{documents.BUSY}/timeline": "Timeline of booking-prod-weu",
    f"/ui/d/{documents.FAILING}?wave=0": "release-2026.6.11",
    f"/ui/o/{documents.OPERATION}": "Deploy",
    "/ui/docs/errors": "Errors",
    "/ui/docs/failures": "How operations fail",
    "/ui/docs/isolation": "Isolation breach",
    "/ui/docs/rotation": "Rotation of secrets",
    "/ui/docs/scaling": "Scaling, and pausing it",
    "/ui/api": "API",
}
DESCRIPTION = {
    "openapi": "3.1.0",
    "info": {"title": "Runtime & Cloud Platform", "version": "1.0"},
    "paths": {
        "/v1/runtime/environments": {
            "get": {"tags": ["environments"], "security": [{"bearer": ["runtime.environments.read"]}], "responses": {}},
            "post": {
                "tags": ["environments"],
                "security": [{"bearer": ["runtime.environments.write"]}],
                "requestBody": {"content": {"application/json": {"example": {"name": "booking"}}}},
                "responses": {},
            },
        }
    },
}


def described(stage: Stage) -> None:
    stage.api.says["/openapi.json"] = DESCRIPTION


async def shown(page: Page, heading: str) -> None:
    await page.get_by_role("heading", level=1, name=heading).wait_for()


@pytest.mark.parametrize("address", HEADINGS)
async def test_every_address_is_its_screen_also_through_the_sign_in_and_after_a_reload(
    stage: Stage, quiet: None, address: str
) -> None:
    described(stage)
    page = await stage.page(None)
    await page.goto(stage.origin + address)
    if not address.startswith(("/ui/docs", "/ui/api")):
        await shown(page, "Sign in")
    await page.get_by_role("button", name="Sign in").first.click()
    await page.get_by_role("button", name="Vera Viewer").click()
    await shown(page, HEADINGS[address])
    assert page.url == stage.origin + address
    await page.reload()
    await shown(page, HEADINGS[address])
    assert page.url == stage.origin + address


@pytest.mark.parametrize(
    ("ident", "ends"),
    [
        (documents.BUSY, f"/ui/e/{documents.BUSY}"),
        (documents.FAILING, f"/ui/d/{documents.FAILING}"),
        (documents.OPERATION, f"/ui/o/{documents.OPERATION}"),
        (documents.FINDING, f"/ui/e/{documents.BUSY}/drift?finding={documents.FINDING}"),
        (documents.POLICY, f"/ui/e/{documents.BUSY}?more={documents.POLICY}"),
    ],
)
async def test_any_id_leads_to_its_screen(stage: Stage, quiet: None, ident: str, ends: str) -> None:
    page = await stage.page()
    await page.goto(f"{stage.origin}/ui/go/{ident}")
    await page.wait_for_url(stage.origin + ends)
    await page.locator("h1").wait_for()


async def test_what_is_no_id_says_so(stage: Stage, quiet: None) -> None:
    page = await stage.page()
    await page.goto(f"{stage.origin}/ui/go/nonsense")
    await shown(page, "There is nothing here")


async def test_the_title_says_where_one_is(stage: Stage, quiet: None) -> None:
    page = await stage.page()
    for address, title in {
        "/ui/": "What needs a person",
        f"/ui/e/{documents.BUSY}": "booking-prod-weu",
        "/ui/docs/errors": "Errors",
        "/ui/elsewhere": "Not found",
    }.items():
        await page.goto(stage.origin + address)
        await until(page, f"document.title === '{title} · Runtime Center'")


async def test_back_and_forward_work(stage: Stage, quiet: None) -> None:
    page = await stage.opened("/ui/", "What needs a person")
    await page.get_by_role("link", name="booking-prod-weu").first.click()
    await shown(page, "booking-prod-weu")
    await page.go_back()
    await shown(page, "What needs a person")
    await page.go_forward()
    await shown(page, "booking-prod-weu")


async def test_a_token_is_in_no_address_storage_document_console_or_request_but_the_apis(stage: Stage, quiet: None) -> None:
    """The canary: the tokens are caught where the issuer gives them, and looked for everywhere else."""
    page = await stage.page()
    tokens: list[str] = []
    sent: list[Sent] = []
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda one: sent.append(one))

    async def catch(route: Route) -> None:
        answer = await route.fetch()
        given = await answer.json()
        tokens.extend(given[name] for name in ("access_token", "refresh_token", "id_token"))
        await route.fulfill(response=answer)

    await page.route("**/connect/token", catch)
    await page.goto(f"{stage.origin}/ui/e/{documents.BUSY}")
    await shown(page, "booking-prod-weu")
    await page.get_by_role("button", name="Calls").click()
    await page.get_by_role("dialog").wait_for()
    stores = await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    seen = [await page.content(), stores, page.url, *said, *(one.url for one in sent)]
    assert len(tokens) == 3
    assert [text[:80] for text in seen for token in tokens if token in text] == []
    signed = [one for one in sent if tokens[0] in (await one.all_headers()).get("authorization", "")]
    assert signed
    assert {one.url.startswith(f"{stage.origin}/v1/runtime/") for one in signed} == {True}


async def test_nobody_else_is_asked_for_anything(stage: Stage, quiet: None) -> None:
    described(stage)
    page = await stage.page()
    origins: set[str] = set()
    page.on("request", lambda one: origins.add(re.match(r"\w+://[^/]+", one.url)[0]))  # type: ignore[index]
    for address, heading in HEADINGS.items():
        await page.goto(stage.origin + address)
        await shown(page, heading)
    assert origins == {stage.origin, stage.issuer}


async def test_a_planted_script_is_stopped_by_the_policy(stage: Stage) -> None:
    page = await stage.opened("/ui/docs", "Start")
    script = """() => { const told = [];
      addEventListener('securitypolicyviolation', (event) => told.push(event.effectiveDirective));
      for (const sink of [() => { document.body.innerHTML = '<img src=x>'; }, () => new Function('1')(),
        () => document.body.append(Object.assign(document.createElement('script'), { text: 'window.planted = 1' }))])
        try { sink(); } catch (error) { told.push(error.name); }
      return new Promise((done) => setTimeout(() => done([told, window.planted]), 200)); }"""
    told, planted = await page.evaluate(script)
    assert planted is None
    assert "require-trusted-types-for" in told
    assert Counter(told)["TypeError"] + Counter(told)["EvalError"] >= 2


HOSTILE = ["<img src=x onerror=window.planted=1>", "\u202egnp.exe", "x" * 64, "\U0001f525 tenant", "${alert(1)}", "a&amp;b"]


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_is_shown_as_text(stage: Stage, quiet: None, name: str) -> None:
    listed = documents.listed(documents.BUSY, name, hold={**documents.hold(), "reason": name}) | {"tenantId": name}
    stage.api.says["/environments"] = {"environments": [listed]}
    stage.api.says[f"/environments/{documents.BUSY}"] = documents.environment(name=name, projectId=name)
    page = await stage.opened("/ui/", "What needs a person", viewport={"width": 320, "height": 640})
    row = page.locator("[aria-labelledby=person] tbody tr")
    assert name in await row.inner_text()
    assert await page.evaluate("window.planted") is None
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await row.get_by_role("link").first.click()
    await page.wait_for_url("**/ui/e/**")
    await page.locator("h1").filter(has_text=name).wait_for()


async def test_another_tenants_id_looks_like_one_that_is_unknown(stage: Stage, quiet: None) -> None:
    texts = []
    for ident in (documents.CALM, f"env-{'7' * 16}"):
        page = await stage.page()
        await page.goto(f"{stage.origin}/ui/e/{ident}")
        await page.get_by_role("alert").wait_for()
        texts.append(await page.locator("main").inner_text())
    assert texts[0] == texts[1]
    assert "unknown, or another tenant's" in texts[0]


async def test_an_expired_token_costs_two_requests_at_most_and_then_none(stage: Stage, quiet: None) -> None:
    page = await stage.page()
    await page.clock.install()
    await page.goto(f"{stage.origin}/ui/o/{documents.OPERATION}")
    await shown(page, "Deploy")
    await page.route("**/connect/token", lambda route: route.fulfill(status=400, json={"error": "invalid_grant"}))
    stage.api.expired = True
    before = len(stage.api.seen)
    await page.clock.run_for("00:10")
    await page.get_by_text("Signed out at").wait_for()
    await page.clock.run_for(TEN_MINUTES)
    assert 1 <= len(stage.api.seen) - before <= 2
    await page.get_by_role("heading", name="Steps").wait_for()  # what was seen stays readable


async def test_a_hidden_tab_asks_nothing_and_asks_once_on_its_return(stage: Stage, quiet: None) -> None:
    page = await stage.page()
    await page.clock.install()
    await page.goto(f"{stage.origin}/ui/d/{documents.FAILING}")
    await shown(page, "release-2026.6.11")
    hide = """(on) => { Object.defineProperty(document, 'hidden', { configurable: true, value: on });
      document.dispatchEvent(new Event('visibilitychange')); }"""
    await page.evaluate(hide, True)
    before = len(stage.api.seen)
    await page.clock.run_for(TEN_MINUTES)
    assert len(stage.api.seen) == before
    async with page.expect_response(f"**/deployments/{documents.FAILING}"):
        await page.evaluate(hide, False)
        await page.clock.run_for(100)


async def test_a_busy_service_is_left_alone_for_as_long_as_it_says(stage: Stage, quiet: None) -> None:
    said = documents.problem(503, "DependencyUnavailable", "A dependency is unavailable")
    stage.api.overrules = lambda _request: (503, said, {"Retry-After": "30"})
    page = await stage.page()
    await page.clock.install()
    await page.goto(f"{stage.origin}/ui/o/{documents.OPERATION}")
    await page.get_by_role("alert").wait_for()
    before = len(stage.api.seen)
    await page.clock.run_for("00:29")
    assert len(stage.api.seen) == before


BUSIEST = {
    "/ui/": 4,
    f"/ui/e/{documents.BUSY}": 19,
    f"/ui/d/{documents.FAILING}": 26,
    f"/ui/e/{documents.BUSY}/drift": 3,
    f"/ui/o/{documents.OPERATION}": 14,
}


@pytest.mark.parametrize("address", BUSIEST)
async def test_a_minute_of_a_screen_has_its_number_of_requests_and_most_change_nothing(
    stage: Stage, quiet: None, address: str
) -> None:
    page = await stage.page()
    await page.clock.install()
    await page.goto(stage.origin + address)
    await page.locator("h1").wait_for()
    await page.wait_for_load_state("networkidle")
    before = len(stage.api.seen)
    for _ in range(60):
        await page.clock.run_for("00:01")
        await asyncio.sleep(0.01)  # real time for the real server
    asked = stage.api.seen[before:]
    assert 1 <= len(asked) <= BUSIEST[address]
    assert sum(one.status == 304 for one in asked) >= len(asked) / 2


async def test_eight_tabs_all_load(stage: Stage, quiet: None) -> None:
    context = await stage.context()
    pages = [await context.new_page() for _ in range(8)]
    await asyncio.gather(*[page.goto(f"{stage.origin}/ui/") for page in pages])
    for page in pages:
        await shown(page, "What needs a person")


async def test_old_data_is_marked_and_never_emptied(stage: Stage, quiet: None) -> None:
    page = await stage.page()
    await page.clock.install()
    await page.goto(f"{stage.origin}/ui/o/{documents.OPERATION}")
    await page.get_by_role("heading", name="Steps").wait_for()
    said = documents.problem(503, "DependencyUnavailable", "A dependency is unavailable")
    stage.api.overrules = lambda _request: (503, said, {})
    for _ in range(30):
        await page.clock.run_for("00:01")
        await asyncio.sleep(0.01)
    await page.get_by_text("Old: last seen").wait_for()
    assert await page.get_by_role("heading", name="Steps").count() == 1


async def test_a_thousand_environments_are_few_rows_and_few_bytes(stage: Stage, quiet: None) -> None:
    stage.api.says["/environments"] = lambda request: (
        {"environments": documents.urgent()}
        if "attention" in request.query_params
        else {"environments": documents.many(100), "nextLink": f"{stage.origin}/v1/runtime/environments?limit=100&cursor=x"}
    )
    page = await stage.opened("/ui/?all=true", "What needs a person")
    await page.get_by_role("button", name="Older environments").wait_for()
    assert await page.locator("tbody tr").count() <= 200
    assert "100+" in await page.get_by_role("list", name="Summary").inner_text()


async def test_why_a_list_is_empty_is_said(stage: Stage, quiet: None) -> None:
    stage.api.says["/environments"] = {"environments": []}
    page = await stage.opened("/ui/", "What needs a person")
    await page.get_by_text("There is no environment yet.").wait_for()
    await page.get_by_label("Name begins with").fill("zzz")
    await page.keyboard.press("Enter")
    await page.get_by_text("Nothing that matches the filter needs a person.").wait_for()
    assert page.url.endswith("?q=zzz")
    denied = documents.problem(403, "InsufficientScope", "The access token lacks a scope", detail="Obtain another.")
    stage.api.overrules = lambda _request: (403, denied, {})
    await page.reload()
    await page.get_by_role("heading", name="The access token lacks a scope").wait_for()


async def test_the_api_is_shown_and_tried_with_ones_own_token(stage: Stage, quiet: None) -> None:
    described(stage)
    page = await stage.opened("/ui/api?route=GET+/v1/runtime/environments", "API")
    await page.get_by_role("button", name="Try", exact=True).click()
    await page.locator(".try pre").filter(has_text="environmentId").wait_for()
    await page.get_by_role("link", name="POST /v1/runtime/environments").click()
    await page.get_by_role("button", name="Try without doing it").click()
    await page.locator(".try pre").filter(has_text="allowed").wait_for()
    changed = [one for one in stage.api.seen if one.method != "GET"]
    assert [(one.query, json.loads(one.body)) for one in changed] == [("dryRun=true", {"name": "booking"})]


async def test_the_guide_shows_its_pages_and_goes_to_their_sections(stage: Stage, quiet: None) -> None:
    page = await stage.page(None)
    await page.goto(f"{stage.origin}/ui/docs/holds")
    await page.get_by_role("link", name="OnHold").click()
    await shown(page, "Errors")
    await until(page, "document.activeElement.id === 'onhold'")
    assert page.url.endswith("/ui/docs/errors#onhold")


async def test_the_theme_is_remembered(stage: Stage, quiet: None) -> None:
    page = await stage.opened("/ui/docs", "Start")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(ground)
    await page.get_by_role("button", name="Help and settings").click()
    await page.get_by_label("Theme").select_option("dark")
    assert await page.evaluate(ground) != light
    await page.reload()
    await shown(page, "Start")
    assert await page.evaluate(ground) != light


async def test_the_issuer_that_is_away_is_named(stage: Stage) -> None:
    page = await stage.page()
    await page.route("**/.well-known/**", lambda route: route.abort())
    await page.goto(f"{stage.origin}/ui/")
    await page.get_by_text("The issuer cannot be reached").wait_for()
