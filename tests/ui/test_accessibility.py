"""WCAG 2.2 AA: axe-core on every screen in every state, light and dark, wide and narrow; and what axe cannot see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.ui import documents
from tests.ui.conftest import Stage, until
from tests.ui.stage import Api, empty, full

ROOT = Path(__file__).resolve().parents[2]
AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = f"""async () => (await axe.run(document, {{
  runOnly: {{ type: 'tag', values: {TAGS} }}, rules: {{ 'target-size': {{ enabled: true }} }} }}))
  .violations.map((one) => `${{one.id}}: ${{one.nodes.map((node) => node.html.slice(0, 160)).join(' | ')}}`)"""
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 320, "height": 640}
SCREENS = {
    "attention": "/ui/",
    "attention list": "/ui/?all=true",
    "environment": f"/ui/e/{documents.BUSY}?service=reservations-api&more=1",
    "rollout": f"/ui/d/{documents.FAILING}?samples=all",
    "drift": f"/ui/e/{documents.BUSY}/drift",
    "timeline": f"/ui/e/{documents.BUSY}/timeline",
    "operation": f"/ui/o/{documents.OPERATION}",
    "guide": "/ui/docs/errors",
    "api": "/ui/api",
    "nowhere": "/ui/nowhere",
}


def busy(api: Api) -> None:
    waiting = documents.operation(waitingFor="a person: retry judges again")
    api.says = {**full(), f"/operations/{documents.OPERATION}": waiting}


def nothing(api: Api) -> None:
    api.says = empty()


def failing(api: Api) -> None:
    said = documents.problem(503, "DependencyUnavailable", "A dependency is unavailable")
    api.overrules = lambda _request: (503, said, {"Retry-After": "30"})


def loading(api: Api) -> None:
    api.held = asyncio.Event()


def signed_out(api: Api) -> None:
    api.expired = True


STATES: dict[str, Callable[[Api], None]] = {
    "full": lambda _api: None,
    "busy": busy,
    "empty": nothing,
    "error": failing,
    "loading": loading,
    "signed out": signed_out,
}


async def go(page: Page, address: str) -> None:
    """Within the page, as its links do: nobody signs in anew."""
    script = "(to) => { history.pushState(null, '', to); dispatchEvent(new PopStateEvent('popstate')); }"
    await page.evaluate(script, address)
    await page.locator("h1").wait_for()


async def settled(page: Page) -> None:
    """Whatever was asked for has come, or its skeleton shows."""
    await page.wait_for_timeout(250)  # the grace before a skeleton
    await until(page, "document.querySelectorAll('.loading:empty').length === 0")


async def violations(page: Page) -> list[str]:
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(AXE)
    return list(await page.evaluate(RUN))


async def overflows(page: Page) -> list[str]:
    """What reaches beyond the window's right edge (WCAG 1.4.10), outside of what scrolls on purpose."""
    script = """() => [...document.querySelectorAll('body *')]
      .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && one.checkVisibility()
        && !one.closest('pre, .line, .wide, .sr-only, .skip, .rows thead'))
      .map((one) => `${one.tagName}.${one.className}`).slice(0, 5)"""
    return list(await page.evaluate(script))


@pytest.mark.parametrize("state", STATES)
async def test_no_violation_on_any_screen(stage: Stage, quiet: None, state: str) -> None:
    page = await stage.opened("/ui/docs", "Start", viewport=WIDE)
    STATES[state](stage.api)
    found: dict[str, list[str]] = {}
    for name, address in SCREENS.items():
        await page.emulate_media(color_scheme="light")
        await page.set_viewport_size(WIDE)
        await go(page, address)
        await settled(page)
        wide = await violations(page)
        await page.set_viewport_size(NARROW)
        await page.emulate_media(color_scheme="dark")
        found[name] = [*wide, *await violations(page), *await overflows(page)]
    assert {name: those for name, those in found.items() if those} == {}


DIALOGS: dict[str, str] = {"Find": "Find", "Help and settings": "Help and settings", "Calls": "Calls behind this page"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_violation_in_any_dialog(stage: Stage, quiet: None, scheme: Any) -> None:
    page = await stage.acting(f"/ui/e/{documents.BUSY}", "booking-prod-weu", viewport=WIDE, color_scheme=scheme)
    found: dict[str, list[str]] = {}
    for opener, title in DIALOGS.items():
        await page.get_by_role("button", name=opener, exact=True).click()
        await page.get_by_role("dialog", name=title).wait_for()
        found[title] = await violations(page)
        await page.keyboard.press("Escape")
    for rehearsal in (documents.rehearsal(), documents.rehearsal(allowed=False)):
        stage.api.rehearsal = rehearsal
        await page.get_by_role("button", name="Release hold…").click()
        await page.locator(".effects, .obstacles").first.wait_for()
        found[str(rehearsal["allowed"])] = await violations(page)
        await page.keyboard.press("Escape")
    assert {name: those for name, those in found.items() if those} == {}


async def test_the_tab_key_reaches_everything_visibly_and_leaves_nothing_trapped(stage: Stage, quiet: None) -> None:
    page = await stage.opened(f"/ui/e/{documents.BUSY}", "booking-prod-weu", viewport=WIDE)
    wanted = await page.evaluate(
        "() => [...document.querySelectorAll('a[href], button, select, input, summary, [tabindex=\"0\"]')]"
        ".filter((one) => one.checkVisibility()).length"
    )
    look = """() => { const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
      const above = document.elementFromPoint(box.left + box.width / 2, box.top + Math.min(box.height / 2, 12));
      one.dataset.reached = 'yes';
      return { name: one.tagName + ' ' + one.textContent.slice(0, 20), shown: parseFloat(style.outlineWidth) >= 3,
        clear: one.contains(above) || (above && above.contains(one)) || one.classList.contains('skip') }; }"""
    seen = []
    for _ in range(wanted):
        await page.keyboard.press("Tab")
        seen.append(await page.evaluate(look))
    assert [one["name"] for one in seen if not one["shown"]] == []
    assert [one["name"] for one in seen if not one["clear"]] == []
    assert await page.locator("[data-reached]").count() == wanted


async def test_the_focus_goes_to_the_heading_and_back_to_the_opener(stage: Stage, quiet: None) -> None:
    page = await stage.opened("/ui/", "What needs a person")
    await page.get_by_role("link", name="booking-prod-weu").first.click()
    await until(page, "document.activeElement.tagName === 'H1'")
    opener = page.get_by_role("button", name="Find")
    await opener.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("dialog").wait_for()
    await page.keyboard.press("Escape")
    await until(page, "document.activeElement.textContent === 'Find'")


async def test_single_keys_work_and_can_be_switched_off(stage: Stage, quiet: None) -> None:
    page = await stage.opened("/ui/", "What needs a person")
    await page.locator("h1").focus()
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    assert await page.evaluate("document.activeElement.className") == "row-link"
    await page.keyboard.press("p")
    await page.get_by_role("button", name="Paused").wait_for()
    await page.keyboard.press("?")
    await page.get_by_role("checkbox").uncheck()
    await page.keyboard.press("Escape")
    await page.keyboard.press("p")
    assert await page.get_by_role("button", name="Paused").count() == 1


async def test_every_state_has_a_shape_that_forced_colours_and_grey_do_not_take_away(stage: Stage, quiet: None) -> None:
    page = await stage.opened("/ui/", "What needs a person", forced_colors="active")
    look = "(all) => all.map((one) => [one.textContent, one.querySelector('path').getAttribute('d')])"
    shapes = await page.eval_on_selector_all("[aria-labelledby=person] .status", look)
    words = {word for word, _ in shapes}
    assert {"Failed", "Unhealthy", "Drift", "Stale", "Hold"} <= words
    by_look = {"Failed": "bad", "Unhealthy": "bad", "Drift": "attention", "Stale": "unknown", "Hold": "hold"}
    assert len({path for _, path in shapes}) == len(set(by_look.values()))


async def test_zoomed_to_twice_the_size_nothing_is_lost(stage: Stage, quiet: None) -> None:
    """WCAG 1.4.4: 200 % of a window of 1280 is one of 640."""
    page = await stage.opened("/ui/", "What needs a person", viewport={"width": 640, "height": 450}, device_scale_factor=2)
    for address in SCREENS.values():
        await go(page, address)
        await settled(page)
        assert await overflows(page) == [], address


async def test_what_these_tests_look_for_they_would_find(stage: Stage) -> None:
    page = await stage.opened("/ui/docs", "Start", viewport=NARROW)
    plant = """() => { const main = document.querySelector('main');
      const add = (tag, text, style) => { const one = document.createElement(tag);
        one.style.cssText = style; one.textContent = text; main.prepend(one); };
      for (const text of ['a', 'b', 'c']) add('button', text, 'all: unset; display: inline-block; width: 9px; height: 9px');
      add('p', 'hardly to be read', 'color: #ddd; background: #fff');
      add('p', 'too wide', 'width: 900px; max-width: none'); }"""
    await page.evaluate(plant)
    found = {one.partition(":")[0] for one in await violations(page)}
    assert {"target-size", "color-contrast"} <= found
    assert await overflows(page) == ["P."]
