"""Changes: off until they are enabled, tried before they are made, made once, followed where they were made."""

from __future__ import annotations

import json

from tests.ui import documents
from tests.ui.conftest import Stage
from tests.ui.stage import Seen

ENVIRONMENT = f"/ui/e/{documents.BUSY}"


def changes(stage: Stage) -> list[Seen]:
    return [one for one in stage.api.seen if one.method != "GET"]


async def test_looking_asks_for_read_scopes_alone(stage: Stage, quiet: None) -> None:
    page = await stage.page("operator")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/connect/authorize" in one.url else None)
    await page.goto(stage.origin + ENVIRONMENT)
    await page.get_by_role("heading", level=1, name="booking-prod-weu").wait_for()
    assert asked
    assert not [url for url in asked if ".write" in url]


async def test_a_button_does_nothing_before_actions_are_enabled(stage: Stage, quiet: None) -> None:
    page = await stage.opened(ENVIRONMENT, "booking-prod-weu", "operator")
    await page.get_by_role("button", name="Release hold…").click()
    await page.get_by_role("dialog", name="Release the hold").get_by_role("button", name="Enable actions").click()
    await page.get_by_text("Actions on,").wait_for()
    assert page.url == stage.origin + ENVIRONMENT
    assert changes(stage) == []


async def test_a_change_is_tried_first_and_made_once_with_a_key(stage: Stage, quiet: None) -> None:
    page = await stage.acting(ENVIRONMENT, "booking-prod-weu")
    await page.get_by_role("button", name="Release hold…").click()
    await page.get_by_text("the hold since 11:58 ends").wait_for()
    await page.get_by_label("Reason").fill("looked at it")
    confirm = page.get_by_role("dialog").get_by_role("button", name="Release the hold")
    assert await confirm.is_disabled(), "what is confirmed is what was tried: another reason, another try"
    await page.get_by_role("button", name="Check again").click()
    await confirm.click()
    await page.get_by_text("Accepted").wait_for()
    first, again, made = changes(stage)
    assert (first.query, again.query, made.query) == ("dryRun=true", "dryRun=true", "")
    assert json.loads(first.body) == {}
    assert json.loads(again.body) == json.loads(made.body) == {"reason": "looked at it"}
    assert "idempotency-key" in made.headers
    assert "idempotency-key" not in first.headers
    assert made.path == f"/environments/{documents.BUSY}/release-hold"


async def test_the_operation_is_followed_in_the_drawer(stage: Stage, quiet: None) -> None:
    page = await stage.acting(ENVIRONMENT, "booking-prod-weu")
    await page.get_by_role("button", name="Roll back…").click()
    await page.get_by_role("dialog").get_by_role("button", name="Roll back", exact=True).click()
    drawer = page.get_by_role("dialog")
    await drawer.get_by_role("link", name="Its own page").wait_for()
    await drawer.get_by_text("prepare").wait_for()
    await drawer.get_by_role("button", name="Close").last.click()
    assert await page.get_by_role("dialog").count() == 0


async def test_obstacles_are_all_named_and_keep_the_button_shut(stage: Stage, quiet: None) -> None:
    stage.api.rehearsal = documents.rehearsal(allowed=False)
    page = await stage.acting(ENVIRONMENT, "booking-prod-weu")
    await page.get_by_role("button", name="Roll back…").click()
    await page.get_by_text("OnHold").wait_for()
    assert await page.get_by_role("dialog").get_by_role("button", name="Roll back", exact=True).is_disabled()


async def test_production_says_that_the_policy_is_asked(stage: Stage, quiet: None) -> None:
    page = await stage.acting(ENVIRONMENT, "booking-prod-weu")
    await page.get_by_role("button", name="Decommission…").click()
    await page.get_by_text("This is production").wait_for()


async def test_the_name_has_to_be_typed_before_an_environment_goes(stage: Stage, quiet: None) -> None:
    page = await stage.acting(ENVIRONMENT, "booking-prod-weu")
    await page.get_by_role("button", name="Decommission…").click()
    confirm = page.get_by_role("dialog").get_by_role("button", name="Decommission", exact=True)
    name = page.get_by_label("Name of the environment")
    await name.fill("booking-prod")
    assert await confirm.is_disabled()
    assert changes(stage) == []
    await name.fill("booking-prod-weu")
    await name.press("Tab")
    await page.get_by_text("the hold since").wait_for()
    await confirm.click()
    await page.get_by_text("Accepted").wait_for()
    assert json.loads(changes(stage)[-1].body) == {"confirm": "booking-prod-weu"}


async def test_every_change_can_be_made_by_the_keyboard_alone(stage: Stage, quiet: None) -> None:
    page = await stage.acting(f"/ui/e/{documents.BUSY}/drift", "Drift of booking-prod-weu")
    await page.locator("summary", has_text="Decide").first.focus()
    await page.keyboard.press("Enter")
    for _ in range(2):
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Accept: MissingService of payments-fn")
    await dialog.wait_for()
    await dialog.get_by_label("Until (UTC)").fill("2030-01-02T03:04")
    await dialog.get_by_label("Reason").focus()
    await page.keyboard.type("sale")
    await page.keyboard.press("Enter")
    await page.get_by_text("the hold since").wait_for()
    await page.keyboard.press("Enter")
    await page.get_by_text("Accepted", exact=True).wait_for()
    made = changes(stage)[-1]
    assert made.path.endswith("/accept")
    assert json.loads(made.body) == {"until": "2030-01-02T03:04:00Z", "reason": "sale"}


async def test_who_may_not_act_is_told_which_scope_is_missing(stage: Stage, quiet: None) -> None:
    page = await stage.opened(ENVIRONMENT, "booking-prod-weu", "viewer")
    await page.get_by_role("button", name="Enable actions").click()
    await page.get_by_text("You have no permission to act").wait_for()


async def test_actions_end_by_themselves_and_the_token_writes_no_more(stage: Stage, quiet: None) -> None:
    page = await stage.page("operator")
    await page.clock.install()
    await page.goto(stage.origin + ENVIRONMENT)
    await page.get_by_role("button", name="Enable actions").click()
    await page.get_by_role("button", name="Actions off").wait_for()
    async with page.expect_response("**/connect/token") as answered:
        await page.clock.run_for("15:01")
    granted = (await (await answered.value).json())["scope"]
    assert ".read" in granted
    assert ".write" not in granted
    await page.get_by_role("button", name="Enable actions").wait_for()


async def test_a_refused_change_says_why_and_changes_nothing(stage: Stage, quiet: None) -> None:
    page = await stage.acting(ENVIRONMENT, "booking-prod-weu")
    await page.get_by_role("button", name="Release hold…").click()
    await page.get_by_text("the hold since 11:58 ends").wait_for()
    said = documents.problem(409, "OperationInFlight", "Another operation is in flight")
    stage.api.overrules = lambda request: (409, said, {}) if request.method == "POST" else (304, None, {})
    await page.get_by_role("dialog").get_by_role("button", name="Release the hold").click()
    await page.get_by_role("dialog").get_by_role("heading", name="Another operation is in flight").wait_for()
