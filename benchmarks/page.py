"""The operators' page in the machine's own Chromium, against its goals: bytes, paint, rows, idle work, memory.

One tenant with 1,000 environments; the page's real files and the real issuer, the API's answers from documents. Everything
on loopback in one browser: what is measured is the page, not a network. A goal is what the page was designed for, and
the ratio says how much of it is used up.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession, Page, Request, async_playwright

from benchmarks.ratio import Ratio, median
from localazure.issuer import ALL_SCOPES, Client, Issuer, Keyring
from localazure.issuer import application as issuing
from localazure.issuer.grants import Grants
from localazure.issuer.people import PEOPLE
from localazure.issuer.sign_in import COOKIE
from tests.support.serving import serving
from tests.ui import documents
from tests.ui.chromium import CHROMIUM, FLAGS
from tests.ui.stage import Api, application, full

ENVIRONMENTS = 1000
RUNS = 5
IDLE_SECONDS = 20
HOURS = 8
READS = "below 1.0 = within its goal"
KB, MB = 1000, 1_000_000
FIRST = "first visit, everything static, gzip"


def measure() -> Iterator[Ratio]:
    """Nothing where the machine has no Chromium."""
    if CHROMIUM is not None:
        yield from asyncio.run(_measured())


async def _measured() -> list[Ratio]:
    async with _opened() as (page, origin):
        session = await page.context.new_cdp_session(page)
        return [
            *await _bytes(page, origin),
            *await _times(page, origin),
            await _idle(page, session, origin),
            await _memory(page, session, origin),
        ]


@contextlib.asynccontextmanager
async def _opened() -> AsyncIterator[tuple[Page, str]]:
    """A tab in which a viewer is signed in."""
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        keyring = Keyring.open(Path(folder) / "issuer.json", {"c": Client("s", "connectsoft", ALL_SCOPES)})
        grants, api, known = Grants(), Api(full()), dict[str, Any]()
        listed = documents.many(ENVIRONMENTS)
        api.says["/environments"] = lambda request: _page_of(listed, request.query_params)

        async def issuer(scope: Any, receive: Any, send: Any) -> None:
            await known["app"](scope, receive, send)

        issuer_url = f"http://127.0.0.1:{await stack.enter_async_context(serving(issuer))}"
        known["app"] = issuing(Issuer(issuer_url, "api://runtime-cloud", keyring), grants)
        origin = f"http://127.0.0.1:{await stack.enter_async_context(serving(application(api, issuer_url)))}"
        driver = await stack.enter_async_context(async_playwright())
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = await browser.new_context(viewport={"width": 1280, "height": 900})
        signed_in = grants.sign_in(PEOPLE["viewer"])
        await context.add_cookies([{"name": COOKIE, "value": signed_in, "url": issuer_url}])
        yield await context.new_page(), origin
        await browser.close()


def _page_of(listed: list[dict[str, Any]], query: Any) -> dict[str, Any]:
    if "attention" in query:
        return {"environments": documents.urgent()}
    return {"environments": listed[: int(query["limit"])], "nextLink": "http://127.0.0.1/v1/runtime/environments?cursor=x"}


async def _bytes(page: Page, origin: str) -> list[Ratio]:
    first = await _transferred(page, f"{origin}/ui/")
    again = await _transferred(page, f"{origin}/ui/")
    asked = [_page_of(documents.many(ENVIRONMENTS), query) for query in ({"limit": "100"}, {"attention": "true"})]
    zipped = sum(len(gzip.compress(json.dumps(one).encode(), 6)) for one in asked)
    rows = await page.locator("tbody tr").count()
    return [
        Ratio(FIRST, first / KB, "its goal", 64, "KB", READS),
        Ratio("the same, at the next visit", again / KB, "its goal", 2, "KB", READS),
        Ratio("what the first screen asks for, gzip", zipped / KB, "its goal", 25, "KB", READS),
        Ratio("rows in the document", rows, "its goal", 200, "rows", READS),
    ]


async def _times(page: Page, origin: str) -> list[Ratio]:
    paints, data, rows = [], [], []
    for _ in range(RUNS):
        await _shown(page, f"{origin}/ui/")
        paints.append(await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        data.append(await page.evaluate("performance.now()"))
        rows.append(await page.evaluate(_RENDER))
    return [
        Ratio("first paint of the shell", median(paints), "its goal", 300, "ms", READS),
        Ratio("the first screen with its data", median(data), "its goal", 600, "ms", READS),
        Ratio("100 rows rendered", median(rows), "its goal", 80, "ms", READS),
    ]


_RENDER = """async () => { const began = performance.now();
  document.querySelector('.views a[href*="all=true"]').click();
  while (document.querySelectorAll('[aria-labelledby=quiet] tbody tr').length < 90)
    await new Promise((done) => setTimeout(done));
  return performance.now() - began; }"""


async def _shown(page: Page, address: str) -> None:
    await page.goto(address)
    await page.locator("[aria-labelledby=person] tbody tr").first.wait_for()
    await page.locator(".projects > div").first.wait_for()


async def _transferred(page: Page, address: str) -> float:
    """Bytes of bodies that came over the wire for the page's own files, the way through the issuer included."""
    done: list[Request] = []

    def finished(request: Request) -> None:
        done.append(request)

    page.on("requestfinished", finished)
    await _shown(page, address)
    page.remove_listener("requestfinished", finished)
    sizes = [await request.sizes() for request in done if "/ui/" in request.url]
    return float(sum(max(0, size["responseBodySize"]) for size in sizes))  # below 0: from the cache


async def _idle(page: Page, session: CDPSession, origin: str) -> Ratio:
    """Share of a core that a visible tab works while nothing changes."""
    await _shown(page, f"{origin}/ui/")
    await asyncio.sleep(2)
    before = await _metric(session, "TaskDuration")
    await asyncio.sleep(IDLE_SECONDS)
    busy = await _metric(session, "TaskDuration") - before
    return Ratio("a visible tab that nothing happens in", 100 * busy / IDLE_SECONDS, "its goal", 0.5, "% CPU", READS)


async def _memory(page: Page, session: CDPSession, origin: str) -> Ratio:
    """The heap after a working day of polls, which the tab's clock is made to pass."""
    await page.clock.install()
    await _shown(page, f"{origin}/ui/")
    for _ in range(HOURS * 12):
        await page.clock.fast_forward("05:00")
        await asyncio.sleep(0.02)
    await session.send("HeapProfiler.collectGarbage")
    heap = await _metric(session, "JSHeapUsedSize")
    return Ratio(f"heap after {HOURS} hours", heap / MB, "its goal", 30, "MB", READS)


async def _metric(session: CDPSession, name: str) -> float:
    await session.send("Performance.enable")
    found = await session.send("Performance.getMetrics")
    return float(next(one["value"] for one in found["metrics"] if one["name"] == name))
