"""Twenty pictures with fixed data and a fixed clock, compared with those that somebody looked at and found right.

Every picture is kept in `build/page/golden`. They are compared only where the same Chromium draws with the same fonts.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest
from playwright.async_api import Browser, Page

from localazure.issuer import tokens
from tests.ui import documents
from tests.ui.conftest import Stage
from tests.ui.golden import DRAWN_BY, GOLDEN, KEPT, MOST, differences, drawn_by, recorded
from tests.ui.stage import full
from tests.ui.test_accessibility import SCREENS, STATES, go, settled

AT = datetime(2026, 6, 11, 12, 3, 22, tzinfo=UTC)
LOOKS: dict[str, tuple[int, int, Literal["light", "dark"]]] = {"wide": (1280, 640, "light"), "narrow": (320, 900, "dark")}
PICTURED = {
    **{name: SCREENS[name] for name in ("attention", "environment", "rollout", "drift", "timeline", "operation")},
    "nowhere": SCREENS["nowhere"],  # not the guide: it is another with every word that is written in it
}
IN_STATES = {
    "attention-empty": ("empty", "/ui/"),
    "attention-error": ("error", "/ui/"),
    "attention-list": ("full", SCREENS["attention list"]),
    "drift-empty": ("empty", SCREENS["drift"]),
    "operation-waits": ("busy", SCREENS["operation"]),
}


async def opened(stage: Stage, monkeypatch: pytest.MonkeyPatch, look: str, person: str = "viewer") -> Page:
    """The guide, at noon of a day in June, for the page, for the API and for the issuer."""
    monkeypatch.setattr(documents, "NOW", AT)
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=AT.timestamp))
    stage.api.says = full()
    width, height, scheme = LOOKS[look]
    page = await stage.page(person, viewport={"width": width, "height": height}, color_scheme=scheme)
    await page.clock.set_fixed_time(AT)
    await page.goto(f"{stage.origin}/ui/docs")
    await page.get_by_role("heading", level=1, name="Start").wait_for()
    return page


async def pictured(page: Page, name: str) -> Path:
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{name}.png"
    await page.screenshot(path=path, animations="disabled")
    return path


async def compared(browser: Browser, seen: list[Path]) -> None:
    here = await drawn_by(browser)
    (KEPT / DRAWN_BY).write_text(json.dumps(here, indent=2) + "\n", encoding="utf-8")
    if here != recorded():
        pytest.skip(f"the golden images were drawn by {recorded()}, this is {here}: look at {KEPT}")
    shares = differences([(path, GOLDEN / path.name) for path in seen])
    assert {path.name: share for path, share in zip(seen, shares, strict=True) if share > MOST} == {}


@pytest.mark.parametrize("look", LOOKS)
async def test_every_screen_looks_as_it_did(
    stage: Stage, browser: Browser, quiet: None, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    page = await opened(stage, monkeypatch, look)
    seen = []
    for name, address in PICTURED.items():
        await go(page, address)
        await settled(page)
        seen.append(await pictured(page, f"{name}-{look}"))
    await compared(browser, seen)


async def test_every_state_looks_as_it_did(
    stage: Stage, browser: Browser, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    for name, (state, address) in IN_STATES.items():
        page = await opened(stage, monkeypatch, "wide")
        STATES[state](stage.api)
        await go(page, address)
        await settled(page)
        seen.append(await pictured(page, name))
        stage.api.overrules = None
    await compared(browser, seen)


async def test_a_rehearsed_change_looks_as_it_did(
    stage: Stage, browser: Browser, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await opened(stage, monkeypatch, "wide", "operator")
    await page.get_by_role("button", name="Enable actions").click()
    await page.get_by_role("button", name="Actions off").wait_for()
    await go(page, SCREENS["environment"])
    await settled(page)
    await page.get_by_role("button", name="Release hold…").click()
    await page.locator(".effects li").first.wait_for()
    await compared(browser, [await pictured(page, "drawer")])


async def test_one_row_less_is_another_picture(stage: Stage, quiet: None, monkeypatch: pytest.MonkeyPatch) -> None:
    page = await opened(stage, monkeypatch, "wide")
    await go(page, "/ui/")
    await settled(page)
    before = (await page.screenshot(), await page.screenshot())
    await page.locator("[aria-labelledby=person] tbody td").first.evaluate("(cell) => cell.closest('tr').remove()")
    pictures = [*before, await page.screenshot()]
    paths = [KEPT.parent / f"one-row-{number}.png" for number in range(3)]
    for path, picture in zip(paths, pictures, strict=True):
        path.write_bytes(picture)
    alike, different = differences([(paths[0], paths[1]), (paths[0], paths[2])])
    assert alike == 0
    assert different > MOST
