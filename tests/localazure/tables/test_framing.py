"""Where messages begin and end, however the bytes come."""

import pytest

from localazure.tables.framing import End, Framing, Head, Malformed, request_length, response_length
from localazure.tables.request import template

PLAIN = b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /b HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n"
)
BODILESS = b"GET /c HTTP/1.1\r\nHost: h\r\n\r\n"


def messages(framing, parts):
    """Each message as one run of bytes, and how many bytes were left over."""
    whole, under_way = [], b""
    for part in parts:
        for piece in framing.feed(part):
            if piece is End.OF_MESSAGE:
                whole.append(under_way)
                under_way = b""
            else:
                under_way += piece.raw if isinstance(piece, Head) else piece
    return whole, under_way


@pytest.mark.parametrize("size", [1, 2, 7, 50, 10_000])
def test_no_byte_is_lost_or_moved_however_the_stream_is_cut(size):
    sent = [PLAIN, CHUNKED, BODILESS, PLAIN, BODILESS, CHUNKED]
    stream = b"".join(sent)
    parts = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert messages(Framing(request_length), parts) == (sent, b"")


def test_a_large_body_passes_in_the_parts_in_which_it_comes():
    framing = Framing(request_length)
    list(framing.feed(b"PUT / HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n"))
    part = b"x" * 1_000_000
    assert [list(framing.feed(part)) for _ in range(3)] == [[part], [part], [part, End.OF_MESSAGE]]


def answers(method):
    return Framing(lambda head: response_length(head, method))


@pytest.mark.parametrize(
    ("method", "stream"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"),
        ("POST", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("GET", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
    ],
)
def test_an_answer_ends_where_its_status_method_and_length_say(method, stream):
    assert messages(answers(method), [stream]) == ([stream], b"")


def test_an_answer_without_a_length_lasts_as_long_as_its_connection():
    framing = answers("GET")
    assert messages(framing, [b"HTTP/1.1 200 OK\r\n\r\nab", b"cd"])[0] == []
    assert framing.ends_with_connection


@pytest.mark.parametrize(
    "stream",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 10_000,
        b"GET /" + b"a" * 70_000,
    ],
)
def test_what_is_no_message_is_refused(stream):
    with pytest.raises(Malformed):
        list(Framing(request_length).feed(stream))


@pytest.mark.parametrize(
    ("words", "keeps"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_whether_the_connection_goes_on(words, keeps):
    head = next(iter(Framing(request_length).feed(words)))
    assert head.keeps is keeps


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("/acc/$batch", "/$batch"),
        ("/acc/Tables", "/Tables"),
        ("/acc/Tables('runtime')", "/Tables(name)"),
        ("/acc/runtime()?$filter=PartitionKey%20eq%20'a(b)'", "/runtime()"),
        ("/acc/runtime(PartitionKey='a(?)',RowKey='b')", "/runtime(PartitionKey,RowKey)"),
        ("/acc/runtime(PartitionKey=%27a%27,RowKey=%27b%27)?x", "/runtime(PartitionKey,RowKey)"),
        ("/", "/"),
    ],
)
def test_traffic_is_told_without_account_keys_and_query(target, told):
    assert template(target) == told
