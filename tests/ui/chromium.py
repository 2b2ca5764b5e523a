"""The machine's own Chromium, if it has one; no browser is ever downloaded."""

from __future__ import annotations

import shutil

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
FLAGS = ["--no-sandbox", "--disable-gpu"]  # CI runs as root, where Chromium has no sandbox
