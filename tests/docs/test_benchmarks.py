"""The benchmarks still run: their parts, small, on what they measure in earnest."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import report
from benchmarks.__main__ import table
from benchmarks.bare_asgi import Reply
from benchmarks.deployment_cpu import deployment
from benchmarks.load import Connection, Request, UnexpectedAnswer, requests_per_second
from benchmarks.ratio import Ratio

OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 2\r\n\r\n{}"
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"


async def answering(answer: bytes) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
        except asyncio.IncompleteReadError:
            writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


def asking(server: asyncio.Server) -> Request:
    port = server.sockets[0].getsockname()[1]
    return Request.get(f"http://127.0.0.1:{port}/v1?x=1", {"Authorization": "Bearer t"})


async def test_a_deployment_is_played_to_its_end() -> None:
    assert await deployment(4) > 0


async def test_the_load_is_bounded_in_requests() -> None:
    async with await answering(OK) as server:
        assert await requests_per_second(asking(server), requests=50, seconds=30) > 0


async def test_an_answer_that_is_not_200_measures_nothing() -> None:
    async with await answering(REFUSED) as server:
        connection = Connection(*await asyncio.open_connection("127.0.0.1", asking(server).port))
        with pytest.raises(UnexpectedAnswer):
            await connection.send(asking(server))
        connection.close()


async def test_the_bare_reply_has_the_size_it_is_to_have() -> None:
    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await Reply(120)({}, None, send)  # type: ignore[arg-type]
    assert len(bytes(sent[1]["body"])) == 120  # type: ignore[call-overload]


def test_a_ratio_says_how_many_times() -> None:
    ratio = Ratio("one", 3.0, "another", 2.0, "s", "1.0 = the same")
    assert ratio.times == 1.5
    assert table([ratio]).row_count == 1


def test_a_run_is_written_with_its_command_and_both_sides_of_every_ratio(tmp_path: Path) -> None:
    twice, half = Ratio("a & b", 4.0, "c", 2.0, "ms", "more"), Ratio("d", 1.0, "e", 2.0, "", "less")
    report.write([twice, half], ["import"], tmp_path)
    page = (tmp_path / report.PAGE).read_text()
    assert 'make bench ARGS="--write import"' in page
    assert "| a & b | 4 ms | c | 2 ms | **2** | more |" in page
    drawing = ElementTree.parse(tmp_path / report.PLOT).getroot()  # noqa: S314 - our own
    bars = [bar for bar in drawing.iter("{http://www.w3.org/2000/svg}rect") if bar.get("height") == "16"]
    right, left = (float(str(bar.get("x"))) for bar in bars)
    assert right - left == pytest.approx(float(str(bars[1].get("width"))), abs=0.2), "from 1.0 to both sides"


def test_every_ratio_is_drawn_that_the_page_of_the_last_run_tells() -> None:
    told = re.findall(r"\| \*\*(\S+)\*\* \|", (report.ROOT / report.PAGE).read_text())
    drawing = ElementTree.parse(report.ROOT / report.PLOT).getroot()  # noqa: S314 - our own
    texts = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert told
    assert [text for text in texts[1:] if text and re.fullmatch(r"[\d.e+-]+", text)] == told
