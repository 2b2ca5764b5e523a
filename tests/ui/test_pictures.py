"""A picture of every screen, kept in `build/page` for whoever reviews it; and at every width nothing sticks out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from tests.ui.conftest import Stage
from tests.ui.test_accessibility import SCREENS, go, overflows, settled

KEPT = Path(__file__).resolve().parents[2] / "build" / "page"
WIDTHS = (320, 768, 1280)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_screen_is_pictured(stage: Stage, quiet: None, scheme: Literal["light", "dark"]) -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    page = await stage.opened("/ui/docs", "Start", color_scheme=scheme)
    for name, address in SCREENS.items():
        await page.set_viewport_size({"width": WIDTHS[-1], "height": 800})
        await go(page, address)
        await settled(page)
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            assert await overflows(page) == [], f"{name} at {width}"
            picture = KEPT / f"{name.replace(' ', '-')}-{width}-{scheme}.png"
            await page.screenshot(path=picture, full_page=True)
            assert picture.stat().st_size > 5_000
