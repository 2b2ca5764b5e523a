"""Reading one HTTP answer from bytes: whole, byte by byte, and hostile."""

from __future__ import annotations

import pytest

from shared.runtime.health.answer import MAX_HEAD, Answer, BadAnswer

LIMIT = 64


def read(raw: bytes, *, step: int = 0, closes: bool = True, wants_body: bool = True) -> Answer:
    answer = Answer(LIMIT, lambda _status: wants_body)
    for start in range(0, len(raw), step or len(raw)):
        if answer.done:
            break
        answer.feed(raw[start : start + (step or len(raw))])
    if closes and not answer.done:
        answer.end()
    return answer


GOOD = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "length and rubbish behind": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, world",
    "the same length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length:5\r\n\r\nhello",
    "until close": b"HTTP/1.0 200\r\n\r\nhello",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nX: y\r\n\r\n",
    "leading zeros": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0005 \r\nhello\r\n000\r\n\r\n",
    "after interim answers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nX: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello",
    "no reason, odd headers": b"HTTP/1.1 200 \r\nX-Y_z~:\r\nX: a=b; c\r\nX: \t v \t\r\nContent-Length: 5\r\n\r\nhello",
    "latin-1 reason": b"HTTP/1.1 200 \xe9t\xe9\r\nX: \xff\r\nContent-Length: 5\r\n\r\nhello",
}


@pytest.mark.parametrize("raw", GOOD.values(), ids=GOOD)
def test_an_answer_is_read_whole_and_byte_by_byte(raw: bytes) -> None:
    for step in (0, 1, 2, 7):
        answer = read(raw, step=step)
        assert (answer.status, bytes(answer.body)) == (200, b"hello")


def test_an_answer_with_a_length_is_done_before_the_peer_closes() -> None:
    for name in ("length", "chunks"):
        assert read(GOOD[name], closes=False).done
    assert not read(GOOD["until close"], closes=False).done


def test_the_head_is_enough_when_nobody_wants_the_body() -> None:
    answer = read(b"HTTP/1.1 500 Oops\r\nContent-Length: 99999999\r\n\r\n", closes=False, wants_body=False)
    assert (answer.done, answer.status, bytes(answer.body)) == (True, 500, b"")


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_some_statuses_have_no_body(status: bytes) -> None:
    assert read(b"HTTP/1.1 " + status + b"\r\n\r\n", closes=False).done


BAD = {
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "HTTP/2": b"HTTP/2 200 OK\r\n\r\n",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\n\r\n",
    "two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status zero": b"HTTP/1.1 000 OK\r\n\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
    "folded": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
    "no colon": b"HTTP/1.1 200 OK\r\nrubbish\r\n\r\n",
    "a bare line feed": b"HTTP/1.1 200 OK\r\nX: a\nContent-Length: 5\r\n\r\nhello",
    "NUL in a header": b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    "an endless length": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 400 + b"\r\n\r\nhello",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nhello",
    "a negative chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nhello",
    "a huge chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
    "an endless chunk line": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;" + b"x" * 5000,
    "a chunk that ends wrongly": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
    "switching protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
    "endless interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * MAX_HEAD,
    "an endless line": b"x" * (MAX_HEAD + 1),
}


@pytest.mark.parametrize("raw", BAD.values(), ids=BAD)
def test_an_ambiguous_or_broken_answer_is_bad(raw: bytes) -> None:
    for step in (0, 97):
        with pytest.raises(BadAnswer, match="bad-response"):
            read(raw, step=step)


TOO_LARGE = {
    "by its length": b"HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n",
    "until close": b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 65,
    "one chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n",
    "many chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 65,
}


@pytest.mark.parametrize("raw", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_body_beyond_the_limit_is_too_large(raw: bytes) -> None:
    for step in (0, 1):
        with pytest.raises(BadAnswer, match="too-large"):
            read(raw, step=step, closes=False)


def test_a_body_at_the_limit_is_kept() -> None:
    assert len(read(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * LIMIT).body) == LIMIT
    assert len(read(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + b"x" * LIMIT).body) == LIMIT


@pytest.mark.parametrize("name", ["length", "chunks", "after interim answers"])
def test_a_peer_that_closes_early_disconnected(name: str) -> None:
    cut = GOOD[name].index(b"he", 30) if name != "after interim answers" else 40
    with pytest.raises(BadAnswer, match="disconnected"):
        read(GOOD[name][: cut + 1])
    with pytest.raises(BadAnswer, match="disconnected"):
        Answer(LIMIT, lambda _status: True).end()
