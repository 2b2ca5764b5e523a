"""Switches telemetry on, where a setting asks for it, without anybody waiting for that.

The SDKs cost half a second to import: they are loaded by a thread of their own once the process serves, never on the way to
a first answer, and not at all without a setting. What happens before they are there is not told. A backend that cannot be
made is an error in the log; the platform goes on without.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from shared.kernel.redaction import know
from shared.kernel.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """Who tells. `lines_forwarded`: whether its host hands its lines to Application Insights by itself, as the Functions
    host does; they would be there twice."""

    name: str
    lines_forwarded: bool = False


@dataclass
class Telling:
    """What was started; nothing, where no setting asks for it."""

    thread: threading.Thread | None = None
    end: Callable[[], None] = lambda: None  # give away what has not left yet; blocks for seconds at most

    def wait(self) -> None:
        """Until everything is told."""
        if self.thread is not None:
            self.thread.join()


def start(settings: Settings, service: Service) -> Telling:
    """Hide the process's secrets from its lines, and load what telemetry needs where it is wanted."""
    know(settings.secrets)
    telling = Telling()
    if settings.telemetry.wanted:
        telling.thread = threading.Thread(target=_load, args=(telling, settings, service), name="telemetry", daemon=True)
        telling.thread.start()
    return telling


def _load(telling: Telling, settings: Settings, service: Service) -> None:
    try:
        from shared.azure.exporting import install

        telling.end = install(settings, service.name, lines=not service.lines_forwarded).end
    except Exception:  # telemetry is for whoever looks on: nothing else may depend on it
        log.exception("telemetry could not be switched on")
