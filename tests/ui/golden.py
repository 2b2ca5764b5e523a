"""Golden images: what the page looked like when somebody last looked, for the browser and the fonts that drew it then.

`python -m tests.ui.golden` makes them what the last run of `test_golden.py` saw, kept in `build/page/golden`: look at those
first. Another Chromium or other fonts draw other pixels, so the images count for their own alone (`drawn_by`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Browser

from localazure.supervisor.node import find_node

HERE = Path(__file__).resolve().parent
KEPT = HERE.parents[1] / "build" / "page" / "golden"
GOLDEN = HERE / "golden"
DRAWN_BY = "drawn-by.json"
MOST = 0.001  # of the pixels
_SPECIMEN = """() => { const sheet = document.createElement('canvas'); sheet.width = 900; sheet.height = 240;
  const pen = sheet.getContext('2d');
  ['16px system-ui', '700 24px system-ui', '14px ui-monospace, monospace', '13px sans-serif'].forEach((font, line) => {
    pen.font = font; pen.fillText('Runtime Center: booking-prod-weu 0123456789 “↶ · …”', 4, 50 * (line + 1)); });
  return sheet.toDataURL(); }"""


async def drawn_by(browser: Browser) -> dict[str, str]:
    """The browser's version, and a hash of what its fonts look like."""
    page = await browser.new_page()
    drawn = await page.evaluate(_SPECIMEN)
    await page.close()
    return {"chromium": browser.version, "fonts": hashlib.sha256(drawn.encode()).hexdigest()}


def recorded() -> dict[str, str]:
    return dict(json.loads((GOLDEN / DRAWN_BY).read_text(encoding="utf-8")))


def differences(pairs: Sequence[tuple[Path, Path]]) -> list[float]:
    """The share of pixels that differ, a pair at a time. Raises `CalledProcessError` where one is no picture."""
    paths = [str(path) for pair in pairs for path in pair]
    command = [find_node(), str(HERE / "compare.mjs"), *paths]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return [float(share) for share in json.loads(ran.stdout)]


def record() -> None:
    shutil.rmtree(GOLDEN, ignore_errors=True)
    shutil.copytree(KEPT, GOLDEN)


if __name__ == "__main__":
    record()
    sys.stdout.write(f"{len(list(GOLDEN.glob('*.png')))} images are golden now\n")
