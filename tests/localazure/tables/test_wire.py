"""What the real client never does and Azurite rarely: a scripted service behind the proxy, raw sockets before it."""

from __future__ import annotations

import asyncio

import pytest

from localazure.control import Mode
from localazure.tables import upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET /acc/t() HTTP/1.1\r\nHost: h\r\n\r\n"


class Service:
    """Hands each of its connections to `serve(reader, writer)`; notes how many there were."""

    def __init__(self, serve):
        self._serve, self.connections = serve, 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _accept(self, reader, writer):
        self.connections += 1
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass  # the proxy went away
        finally:
            writer.close()


async def polite(reader, writer):
    """Answers OK to requests without a body, for ever."""
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(OK)


@pytest.fixture
async def before(way_to):
    """Starts a way to a service; answers it and a raw connection to its proxy."""
    opened = []

    async def start(service):
        way = way_to(service.port)
        await way.proxy.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", way.proxy.port)
        opened.append((way, writer))
        return way, reader, writer

    yield start
    for way, writer in opened:
        writer.close()
        await way.close()


async def test_requests_that_come_all_at_once_are_answered_in_order(before):
    async with Service(polite) as service:
        way, reader, writer = await before(service)
        writer.write(GET * 5)
        assert await asyncio.wait_for(reader.readexactly(5 * len(OK)), 2) == OK * 5
        assert (service.connections, way.counted) == (1, {("GET", "/t()", 200): 5})


async def test_an_error_between_others_keeps_its_place(before):
    async with Service(polite) as service:
        way, reader, writer = await before(service)
        way.faults._chance = iter([0.9, 0.0, 0.9]).__next__
        await way.fail(Mode.ERROR, rate=0.5)
        body = GET.replace(b"Host: h", b"Content-Length: 5") + b"hello"
        writer.write(GET + body + GET)
        assert await reader.readexactly(len(OK)) == OK
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 500 ")
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        await reader.readexactly(length)
        assert await reader.readexactly(len(OK)) == OK


async def test_a_body_in_chunks_streams_both_ways_before_it_is_whole(before):
    async def echo(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while (size := await reader.readline()) != b"0\r\n":
            writer.write(size + await reader.readexactly(int(size, 16) + 2))
        writer.write(size + await reader.readexactly(2))

    async with Service(echo) as service:
        way, reader, writer = await before(service)
        writer.write(b"POST /acc/t HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        for _ in range(3):
            chunk = b"5\r\nhello\r\n"
            writer.write(chunk)
            assert await asyncio.wait_for(reader.readexactly(len(chunk)), 2) == chunk
        assert way.counted == {}
        writer.write(b"0\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(5), 2) == b"0\r\n\r\n"
        assert way.counted == {("POST", "/t", 200): 1}


async def test_a_body_larger_than_every_buffer_waits_for_a_slow_reader(before):
    size, taken = 24 * 1024 * 1024, asyncio.Event()

    async def slow(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await taken.wait()
        await reader.readexactly(size)
        writer.write(OK)
        await reader.read()

    async with Service(slow) as service:
        _, reader, writer = await before(service)
        writer.write(f"PUT /acc/t HTTP/1.1\r\nContent-Length: {size}\r\n\r\n".encode() + bytes(size))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.3)  # it is not all swallowed into the proxy's memory
        taken.set()
        assert await asyncio.wait_for(reader.readexactly(len(OK)), 5) == OK


async def test_an_interim_answer_is_passed_on_and_not_taken_for_the_answer(before):
    async def expecting(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await reader.readexactly(5)
        writer.write(OK)
        await reader.read()

    async with Service(expecting) as service:
        way, reader, writer = await before(service)
        writer.write(b"PUT /acc/t HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        assert await reader.readexactly(len(OK)) == OK
        assert way.counted == {("PUT", "/t", 200): 1}


async def test_an_answer_that_ends_with_its_connection_ends_here_too(before):
    async def closing(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall there is")

    async with Service(closing) as service:
        way, reader, writer = await before(service)
        writer.write(GET)
        assert (await asyncio.wait_for(reader.read(), 2)).endswith(b"all there is")
        assert way.counted == {("GET", "/t()", 200): 1}


async def test_an_answer_that_breaks_off_breaks_off_here_too_and_is_never_asked_for_again(before):
    async def breaking(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()

    async with Service(breaking) as service:
        way, reader, writer = await before(service)
        writer.write(GET)
        assert (await asyncio.wait_for(reader.read(), 2)).endswith(b"half")
        assert (service.connections, way.counted) == (1, {("GET", "/t()", 499): 1})


async def test_a_client_that_wants_the_connection_closed_gets_it_closed(before):
    async with Service(polite) as service:
        _, reader, writer = await before(service)
        writer.write(b"GET /acc/t() HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert await asyncio.wait_for(reader.read(), 2) == OK


async def test_a_connection_that_the_service_closed_between_requests_is_opened_again(before):
    async def once(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)

    async with Service(once) as service:
        way, reader, writer = await before(service)
        for _ in range(3):
            writer.write(GET)
            assert await asyncio.wait_for(reader.readexactly(len(OK)), 2) == OK
            await asyncio.sleep(0.02)
        assert (service.connections, way.counted) == (3, {("GET", "/t()", 200): 3})


async def test_a_connection_that_rested_long_is_not_trusted(before, monkeypatch):
    monkeypatch.setattr(upstream, "_FRESH_SECONDS", 0.05)
    async with Service(polite) as service:
        _, reader, writer = await before(service)
        for _ in range(2):
            writer.write(GET)
            assert await reader.readexactly(len(OK)) == OK
            await asyncio.sleep(0.1)
        assert service.connections == 2


async def test_after_a_lost_acknowledgement_nothing_that_was_sent_ahead_is_done(before):
    async with Service(polite) as service:
        way, reader, writer = await before(service)
        await way.fail(Mode.ACK_LOST)
        writer.write(GET * 2)
        assert await asyncio.wait_for(reader.read(), 2) == b""
        assert way.counted == {("GET", "/t()", 200): 1}


async def test_a_client_that_goes_away_is_counted_and_forgotten(before):
    gone = asyncio.Event()

    async def never(reader, writer):
        await reader.read()
        gone.set()

    async with Service(never) as service:
        way, _, writer = await before(service)
        writer.write(GET)
        await asyncio.sleep(0.05)
        writer.close()
        await asyncio.wait_for(gone.wait(), 2)
        assert way.counted == {("GET", "/t()", 499): 1}


async def test_what_is_no_http_ends_its_connection_only(before):
    async with Service(polite) as service:
        way, reader, writer = await before(service)
        writer.write(b"\x16\x03\x01\r\n\r\n")
        assert await asyncio.wait_for(reader.read(), 2) == b""
        other, sink = await asyncio.open_connection("127.0.0.1", way.proxy.port)
        sink.write(GET)
        assert await other.readexactly(len(OK)) == OK
        sink.close()
