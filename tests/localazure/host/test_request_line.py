"""Raw bytes in a request's target reach the functions percent-encoded."""

from __future__ import annotations

import json
import socket
import time
from http.client import HTTPResponse
from typing import Any

import pytest

from localazure.host.request_line import encoded
from tests.localazure.host.conftest import LocalHost


def ask(host: LocalHost, *requests: bytes) -> list[dict[str, Any]]:
    """The answers to requests on one connection."""
    answers = []
    with socket.create_connection(("127.0.0.1", host.layout.ports["api"]), timeout=10) as connection:
        for request in requests:
            connection.sendall(request)
            response = HTTPResponse(connection)
            response.begin()
            answers.append(json.loads(response.read()))
            response.close()
    return answers


def test_raw_unicode_in_a_path_is_the_functions_to_judge(host: LocalHost) -> None:
    request = b"GET /things/\xc3\xbc HTTP/1.1\r\nHost: x\r\n\r\n"
    for answer in ask(host, request, request):
        assert answer["route"] == {"id": "ü"}
        assert answer["url"].endswith("/things/%C3%BC")


def test_a_line_break_in_a_path_stays_a_part_of_it(host: LocalHost) -> None:
    [answer] = ask(host, b"GET /no/%0A/such HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer["by"] == "zz_fallback"


def test_a_body_that_looks_like_a_request_line_is_left_alone(host: LocalHost) -> None:
    body = "GET /ü HTTP/1.1\r\n".encode()
    head = b"POST /things/7 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", host.layout.ports["api"]), timeout=10) as connection:
        connection.sendall(head)
        time.sleep(0.05)  # a packet of its own
        connection.sendall(body)
        response = HTTPResponse(connection)
        response.begin()
        answer = json.loads(response.read())
        response.close()
    assert answer["body"] == body.decode()


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (b"GET /a\xff?b=\xc3\xbc HTTP/1.1\r\n", b"GET /a%FF?b=%C3%BC HTTP/1.1\r\n"),
        (b"GET /a\x01 HTTP/1.1\r\nX: \xff\r\n", b"GET /a%01 HTTP/1.1\r\nX: \xff\r\n"),
        (b"GET /plain HTTP/1.1\r\n", b"GET /plain HTTP/1.1\r\n"),
        (b"\xff\xfe", b"\xff\xfe"),
        (b"GET /\xff HTTP/2.0\r\n", b"GET /\xff HTTP/2.0\r\n"),
    ],
)
def test_only_the_target_of_a_request_line_is_touched(line: bytes, read: bytes) -> None:
    assert encoded(line) == read
