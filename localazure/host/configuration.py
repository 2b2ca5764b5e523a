"""What host.json and the app's settings say: read once at start-up, refused at once when it cannot be honoured.

Names and defaults are Azure's (host.json version 2, Service Bus extension 5, Durable extension 2). A key that would change
behaviour and is not emulated is refused; keys that only tune Azure's own machinery are ignored.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PLACEHOLDER = re.compile(r"%([^%]+)%")
_TIMESPAN = re.compile(r"(?:(\d+)\.)?(\d+):(\d{1,2}):(\d{1,2})(?:\.(\d+))?")
FLEX_CONSUMPTION_TIMEOUT = 30 * 60.0  # seconds; the plan's default when host.json does not say


class NotEmulated(Exception):
    """The app asks for something that Azure has and this host does not; the message names the function and the feature."""


class BadSetting(Exception):
    """A binding or host.json names a setting that does not exist, or holds a value that cannot be read."""


@dataclass(frozen=True)
class HostConfiguration:
    """host.json, as far as this host acts on it. Durations are seconds; `function_timeout` None means unbounded."""

    route_prefix: str = "api"
    custom_headers: dict[str, str] = field(default_factory=dict)
    hub: str = "TestHubName"
    max_concurrent_activities: int = 10 * (os.cpu_count() or 1)
    max_concurrent_calls: int = 16
    max_lock_renewal: float = 300.0
    function_timeout: float | None = FLEX_CONSUMPTION_TIMEOUT


def read_host_json(folder: Path) -> HostConfiguration:
    """host.json of the app in `folder`, defaults where it says nothing. Raises `NotEmulated` and `BadSetting`."""
    path = folder / "host.json"
    document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    extensions = document.get("extensions", {})
    http, bus, durable = (extensions.get(name, {}) for name in ("http", "serviceBus", "durableTask"))
    if not bus.get("autoCompleteMessages", bus.get("autoComplete", True)):
        raise NotEmulated("host.json: extensions.serviceBus.autoCompleteMessages=false")
    if durable.get("storageProvider", {}).get("type", "AzureStorage") != "AzureStorage":
        raise NotEmulated("host.json: extensions.durableTask.storageProvider.type")
    return HostConfiguration(
        route_prefix=http.get("routePrefix", "api").strip("/"),
        custom_headers=dict(http.get("customHeaders", {})),
        hub=expand(durable.get("hubName", "TestHubName"), "host.json"),
        max_concurrent_activities=int(
            durable.get("maxConcurrentActivityFunctions", HostConfiguration.max_concurrent_activities)
        ),
        max_concurrent_calls=int(bus.get("maxConcurrentCalls", 16)),
        max_lock_renewal=timespan(bus.get("maxAutoLockRenewalDuration", "00:05:00")),
        function_timeout=_timeout(document.get("functionTimeout")),
    )


def _timeout(text: str | None) -> float | None:
    if text is None:
        return FLEX_CONSUMPTION_TIMEOUT
    return None if text == "-1" else timespan(text)


def timespan(text: str) -> float:
    """Seconds of a .NET time span, `[d.]hh:mm:ss[.fraction]`. Raises `BadSetting`."""
    match = _TIMESPAN.fullmatch(text.strip())
    if match is None:
        raise BadSetting(f"{text!r} is not a time span (hh:mm:ss)")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[:4])
    return days * 86400.0 + hours * 3600 + minutes * 60 + seconds + float(f"0.{match[5] or 0}")


def expand(text: str, who: str) -> str:
    """`text` with every `%NAME%` replaced by the app setting NAME, as the host's name resolver does.

    Raises `BadSetting` naming `who` (a function) when there is no such setting.
    """

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if not found:
            raise BadSetting(f"{who}: the app setting {match[1]!r} of %{match[1]}% does not exist")
        return found

    return _PLACEHOLDER.sub(value, text)
