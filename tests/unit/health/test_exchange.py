"""An exchange on its socket: what is sent whole although it does not fit, and what ends it."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest

from shared.runtime.health.exchange import BadAnswer, Exchange

LOCALHOST = ip_address("127.0.0.1")
MUCH = 8_000_000  # bytes; more than the buffers of both sockets


class Echoed:
    """Wants to hear how many bytes were said; says `again` once, in answer to the first word."""

    def __init__(self, again: bytes = b"") -> None:
        self.heard = b""
        self.again = again

    @property
    def done(self) -> bool:
        return self.heard.endswith(b".")

    def feed(self, data: bytes) -> bytes:
        self.heard += data
        again, self.again = self.again, b""
        return again

    def end(self) -> None:
        if not self.done:
            raise BadAnswer("disconnected")


async def counting(expected: int, first: bytes = b"") -> asyncio.Server:
    """Takes so many bytes, slowly at first, and tells how many came."""

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await asyncio.sleep(0.05)
        came = await reader.readexactly(expected)
        writer.write(b"%d." % len(came))
        writer.close()

    return await asyncio.start_server(count, "127.0.0.1", 0)


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


@pytest.mark.parametrize(("opening", "again"), [(b"x" * MUCH, b""), (b"x", b"y" * (MUCH - 1))], ids=["opening", "reply"])
async def test_what_does_not_fit_at_once_is_sent_as_there_is_room(opening: bytes, again: bytes) -> None:
    async with await counting(MUCH, b"go " if again else b"") as server:
        talk = Echoed(again)
        exchange = Exchange(LOCALHOST, port_of(server), opening, talk)
        async with asyncio.timeout(20):
            await exchange.finished
        exchange.end()
    assert talk.heard.endswith(b"%d." % MUCH)
    assert exchange.reached


async def test_who_was_never_reached_is_told_from_who_hung_up() -> None:
    async with await counting(1) as server:
        port = port_of(server)
        hung_up = Exchange(LOCALHOST, port, b"xx", Silent())
        with pytest.raises(BadAnswer, match="disconnected"):
            await hung_up.finished
        hung_up.end()
    refused = Exchange(LOCALHOST, port, b"x", Silent())
    with pytest.raises(ConnectionRefusedError):
        await refused.finished
    refused.end()
    assert (hung_up.reached, refused.reached) == (True, False)


class Silent(Echoed):
    """Is never content."""

    @property
    def done(self) -> bool:
        return False
