"""HTTP triggers end to end: a real client, a real socket, the sample app in the host."""

from __future__ import annotations

import re
import socket
import stat
from collections.abc import Iterator

import httpx
import pytest

from tests.localazure.host.conftest import LocalHost, until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_the_first_function_by_name_wins_even_over_a_literal(host: LocalHost) -> None:
    assert host.http.get("/things/literal").json()["by"] == "a_thing"
    assert host.http.post("/things/literal").json()["by"] == "b_literal"


def test_a_wrong_method_goes_on_to_the_next_function_and_the_catch_all_is_last(host: LocalHost) -> None:
    answer = host.http.delete("/things/7")
    assert answer.json()["by"] == "zz_fallback"
    assert answer.json()["route"] == {"path": "things/7"}


def test_paths_match_ignoring_case_and_values_keep_theirs(host: LocalHost) -> None:
    assert host.http.get("/THINGS/MixedCase/").json()["route"] == {"id": "MixedCase"}


@pytest.mark.parametrize(
    ("raw", "value"),
    [("a%2Fb", "a%2Fb"), ("a%5Cb", "a\\b"), ("a%23b%3Fc", "a#b?c"), ("a%7Cb", "a|b"), ("%C3%A9", "é"), ("a%25b", "a%b")],
)
def test_what_is_encoded_in_a_path_stays_in_its_segment_and_in_the_url(host: LocalHost, raw: str, value: str) -> None:
    answer = host.http.get(httpx.URL(f"{host.layout.url('api')}/").copy_with(raw_path=f"/things/{raw}".encode())).json()
    assert answer["route"] == {"id": value}
    assert answer["url"] == f"{host.layout.url('api')}/things/{raw}"


def test_unset_parameters_are_absent(host: LocalHost) -> None:
    assert host.http.get("/numbers/3").json()["route"] == {"n": "3"}
    assert host.http.get("/numbers/3/km").json()["route"] == {"n": "3", "unit": "km"}
    assert host.http.get("/numbers/three").status_code == 404


def test_repeated_query_keys_are_joined_and_empty_ones_dropped(host: LocalHost) -> None:
    answer = host.http.get("/things/1?a=1&A=2&empty=&flag&b=x%20y+z").json()
    assert answer["query"] == {"a": "1,2", "b": "x y z"}
    assert answer["url"].endswith("?a=1&A=2&empty=&flag&b=x%20y+z")


def test_repeated_headers_are_joined_and_names_lower_case(host: LocalHost) -> None:
    answer = host.http.get("/things/1", headers=[("X-One", "a"), ("x-one", "b")]).json()
    assert answer["headers"]["x-one"] == "a,b"


def test_a_body_needs_a_content_length(host: LocalHost) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"chunked"

    assert host.http.post("/things/literal", content=b"counted").json()["body"] == "counted"
    assert host.http.post("/things/literal", content=chunks()).json()["body"] == ""


def test_a_body_over_the_limit_is_413(host: LocalHost) -> None:
    with socket.create_connection(("127.0.0.1", host.layout.ports["api"])) as raw:
        raw.sendall(b"POST /things/literal HTTP/1.1\r\nHost: x\r\nContent-Length: 104857601\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 413")


def test_a_nul_in_the_path_is_400(host: LocalHost) -> None:
    assert host.http.get("/things/a%00b").status_code == 400


def test_custom_headers_are_on_every_answer_unless_the_app_set_them(host: LocalHost) -> None:
    for path, status in (("/text", 200), ("/nowhere", 404), ("/fails", 500), ("/locked", 401), ("/admin/host/status", 401)):
        answer = host.http.get(path)
        assert (answer.status_code, answer.headers["x-sample"]) == (status, "host")
    assert host.http.get("/cookies").headers.get_list("x-both") == ["app"]


def test_cookies_are_headers_of_their_own(host: LocalHost) -> None:
    answer = host.http.get("/cookies")
    assert answer.status_code == 204
    assert answer.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2; HttpOnly"]


def test_a_str_is_plain_text(host: LocalHost) -> None:
    answer = host.http.get("/text")
    assert (answer.text, answer.headers["content-type"]) == ("just text", "text/plain; charset=utf-8")


def test_an_exception_is_an_empty_500_and_a_traceback_in_the_log(host: LocalHost) -> None:
    answer = host.http.get("/fails")
    assert (answer.status_code, answer.content) == (500, b"")
    assert re.search(r"ERROR \S+ function fails failed\n    Traceback", host.log)
    assert "\nand a forged one" not in host.log


def test_a_caller_trace_is_continued_with_a_span_of_the_hosts(host: LocalHost) -> None:
    given = f"00-{TRACE}-00f067aa0ba902b7-01"
    context = host.http.get("/context", headers={"traceparent": given, "tracestate": "a=b"}).json()
    assert context["parent"].startswith(f"00-{TRACE}-")
    assert context["parent"].endswith("-01")
    assert context["parent"] != given
    assert context["state"] == "a=b"


@pytest.mark.parametrize("header", [{}, {"traceparent": "nonsense"}], ids=["none", "broken"])
def test_without_a_trace_the_host_begins_one(host: LocalHost, header: dict[str, str]) -> None:
    context = host.http.get("/context", headers=header).json()
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", context["parent"])
    assert context["name"] == "context_of"
    assert context["local"] == context["invocation"]


def test_keys_open_what_their_level_says(host: LocalHost) -> None:
    keys = host.keys
    statuses = {
        (path, name): host.http.get(path, headers={"x-functions-key": keys[name]}).status_code
        for path in ("/locked", "/locked-well")
        for name in ("function", "master", "durable")
    }
    opened = {pair for pair, status in statuses.items() if status == 200}
    assert opened == {("/locked", "function"), ("/locked", "master"), ("/locked-well", "master")}
    assert host.http.get("/locked", params={"code": keys["function"]}).status_code == 200


def test_the_key_file_is_its_owners_alone(host: LocalHost) -> None:
    assert stat.S_IMODE((host.data / "host-keys.json").stat().st_mode) == 0o600


def test_the_admin_api_tells_its_state_and_501_for_what_it_lacks(host: LocalHost) -> None:
    master = {"x-functions-key": host.keys["master"]}
    assert host.http.get("/admin/host/status", headers=master).json()["state"] == "Running"
    assert "zz_fallback" in [one["name"] for one in host.http.get("/admin/functions", headers=master).json()]
    assert host.http.post("/admin/functions/fails", headers=master, json={}).status_code == 501
    assert host.http.post("/admin/functions/none", headers=master, json={}).status_code == 404
    assert host.http.patch("/admin/vfs", headers=master).status_code == 501
    assert host.http.get("/runtime/webhooks/eventgrid").status_code == 404


def test_a_timer_can_be_run_by_hand(host: LocalHost) -> None:
    master = {"x-functions-key": host.keys["master"]}
    before = len(host.notes("yearly"))
    assert host.http.post("/admin/functions/Yearly", headers=master, json={"input": ""}).status_code == 202
    until(lambda: len(host.notes("yearly")) == before + 1)


def test_a_blocked_loop_is_told_in_the_log(host: LocalHost) -> None:
    host.http.get("/block")
    until(lambda: re.search(r"WARNING \S+ the event loop was blocked for (2[5-9]|3|4|5)\d+ ms", host.log))
