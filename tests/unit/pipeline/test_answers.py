"""What answers carry: headers, ETags, pages, and nothing that is not the caller's."""

from __future__ import annotations

from typing import Any

import pytest

from shared.http.message import Response
from shared.store import keys
from tests.unit.operations.world import TENANT
from tests.unit.pipeline.api import BASE, CONFIGURE, READ, Api, document, seed


async def everything(api: Api) -> dict[str, Response]:
    environment = await api.ready()
    ident = environment.environment_id
    etag = (await api.ask("GET", f"/environments/{ident}")).headers["ETag"]
    api.policy.denies()
    return {
        "200": await api.ask("GET", f"/environments/{ident}"),
        "202": await api.ask("POST", "/environments", seed(name="b")),
        "201": await publish(api, ident),
        "304": await api.ask("GET", f"/environments/{ident}", if_none_match=etag),
        "400": await api.ask("POST", "/environments", b"{"),
        "401": await api.ask("GET", "/environments", token=None),
        "403": await api.ask("POST", "/environments", seed(name="c", stage="prod")),
        "404": await api.ask("GET", "/nothing"),
        "405": await api.ask("DELETE", "/environments"),
        "409": await api.ask("POST", "/environments", seed()),
        "412": await api.label(environment, if_match='"stale"'),
        "413": await api.ask("POST", "/environments", b" " * 300_000),
        "415": await api.ask("POST", "/environments", seed(), content_type="text/plain"),
        "422": await api.ask("POST", "/environments", seed(stage="moon")),
        "500": await api.ask("GET", "/bug"),
    }


async def publish(api: Api, ident: str, **more: Any) -> Response:
    body = {"tenantId": TENANT, "environmentId": ident, "values": {"MODE": "fast"}}
    return await api.ask("POST", "/configurations", body, **more)


async def test_every_answer_carries_the_schema_version_and_says_how_long_it_may_be_kept(api: Api) -> None:
    answers = await everything(api)
    for status, answer in answers.items():
        assert answer.status == int(status)
        assert answer.headers["cs-schema-version"] == "1.0"
        kept = "private, no-cache" if status in ("200", "304") else "no-store"
        assert answer.headers["Cache-Control"] == kept


async def test_every_error_is_a_problem_document(api: Api) -> None:
    for status, answer in (await everything(api)).items():
        if int(status) < 400:
            continue
        problem = document(answer)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert {"type", "title", "status", "detail", "instance", "code", "traceId"} <= set(problem)
        assert problem["status"] == answer.status
        assert problem["instance"].startswith("/v1/runtime/")


async def test_what_fails_inside_says_nothing_of_itself(api: Api) -> None:
    answer = await api.ask("GET", "/bug")
    assert (answer.status, document(answer)["code"]) == (500, "InternalError")
    assert b"hunter2" not in answer.body
    assert b"ValueError" not in answer.body


async def test_the_trace_of_the_request_is_in_its_answer(api: Api) -> None:
    traceparent = f"00-{'ab' * 16}-{'c' * 16}-01"
    made = await api.ask("POST", "/environments", seed(), traceparent=traceparent)
    failed = await api.ask("GET", "/nothing", traceparent=traceparent)
    assert document(made)["traceId"] == document(failed)["traceId"] == "trace-" + "ab" * 16
    assert document(await api.ask("GET", "/nothing", traceparent="bad"))["traceId"].startswith("trace-")


async def test_a_202_says_where_the_resource_is_and_what_to_follow(api: Api) -> None:
    answer = await api.ask("POST", "/environments", seed())
    assert answer.headers["Location"] == f"{BASE}/v1/runtime/environments/{document(answer)['environmentId']}"
    assert answer.headers["Operation-Location"].startswith(f"{BASE}/v1/runtime/operations/op-")
    assert int(answer.headers["Retry-After"]) >= 1
    for name in ("Location", "Operation-Location"):
        path = answer.headers[name].removeprefix(BASE)
        assert (await api.ask("GET", path, absolute=True)).status == 200


async def test_what_was_committed_is_answered_though_its_start_failed(api: Api) -> None:
    api.hub.down = True
    answer = await api.ask("POST", "/environments", seed())
    assert answer.status == 202
    assert b"secret" not in answer.body
    assert len(api.rows()) == 1


async def test_the_etag_of_a_201_is_that_of_its_get(api: Api) -> None:
    environment = await api.ready()
    made = await publish(api, environment.environment_id)
    assert made.status == 201
    path = made.headers["Location"].removeprefix(BASE)
    read = await api.ask("GET", path, absolute=True)
    assert made.headers["ETag"] == read.headers["ETag"]
    assert (await api.ask("GET", path, absolute=True, if_none_match=made.headers["ETag"])).status == 304


async def test_a_201_whose_get_cannot_be_read_is_still_a_201(api: Api) -> None:
    environment = await api.ready()
    commit = api.world.store.commit

    async def commits_and_leaves(*arguments: Any) -> None:
        await commit(*arguments)
        api.world.store.down = True

    api.world.store.commit = commits_and_leaves  # type: ignore[method-assign]
    answer = await publish(api, environment.environment_id)
    assert answer.status == 201
    assert "ETag" not in answer.headers


async def test_etags_are_strong_quoted_and_follow_the_content(api: Api) -> None:
    environment = await api.ready()
    path = f"/environments/{environment.environment_id}"
    first, second = await api.ask("GET", path), await api.ask("GET", path)
    assert first.headers["ETag"] == second.headers["ETag"]
    assert first.headers["ETag"].startswith('"')
    await api.label(environment, "other")
    assert (await api.ask("GET", path)).headers["ETag"] != first.headers["ETag"]


async def test_a_304_has_no_body_and_the_same_etag(api: Api) -> None:
    environment = await api.ready()
    path = f"/environments/{environment.environment_id}"
    etag = (await api.ask("GET", path)).headers["ETag"]
    for value in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = await api.ask("GET", path, if_none_match=value)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", etag)
    assert (await api.ask("GET", path, if_none_match='"x"')).status == 200
    assert (await api.ask("GET", path, if_none_match="x")).status == 400


async def test_a_current_if_match_lets_the_change_through_and_a_stale_one_does_not(api: Api) -> None:
    environment = await api.ready()
    path = f"/environments/{environment.environment_id}"
    etag = (await api.ask("GET", path)).headers["ETag"]
    assert (await api.label(environment, "one", if_match=etag)).status == 200
    answer = await api.label(environment, "two", if_match=etag)
    assert (answer.status, document(answer)["code"]) == (412, "PreconditionFailed")
    assert document(await api.ask("GET", path))["pulumiStackRef"] == "one"
    assert (await api.label(environment, "three", if_match="*")).status == 200
    assert (await api.label(environment, "four", if_match=f"W/{etag}")).status == 412, "weak tags never match"


async def test_a_change_between_the_look_at_if_match_and_the_commit_is_412(api: Api) -> None:
    """The commit conflicts, the attempt runs again, and If-Match no longer holds: nothing is overwritten unseen."""
    environment = await api.ready()
    etag = (await api.ask("GET", f"/environments/{environment.environment_id}")).headers["ETag"]

    async def overtakes() -> None:
        await api.rewrite(environment, keys.ENVIRONMENT, pulumiStackRef="theirs")

    api.world.store.interludes = [overtakes]
    answer = await api.label(environment, "mine", if_match=etag)
    assert answer.status == 412
    shown = await api.ask("GET", f"/environments/{environment.environment_id}")
    assert document(shown)["pulumiStackRef"] == "theirs"


async def test_if_match_on_what_creates_never_holds(api: Api) -> None:
    assert (await api.ask("POST", "/environments", seed(), if_match="*")).status == 412


async def test_head_is_get_without_its_body(api: Api) -> None:
    environment = await api.ready()
    for path in (f"/environments/{environment.environment_id}", "/environments", "/environments/env-0", "/nothing"):
        get = await api.ask("GET", path, traceparent=f"00-{'ab' * 16}-{'c' * 16}-01")
        head = await api.ask("HEAD", path, traceparent=f"00-{'ab' * 16}-{'c' * 16}-01")
        assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")
    assert (await api.ask("HEAD", "/configurations")).status == 405


async def test_without_a_version_it_is_the_first(api: Api) -> None:
    environment = await api.ready()
    path = f"/runtime/environments/{environment.environment_id}"
    answer = await api.ask("GET", path, absolute=True)
    assert answer.body == (await api.ask("GET", f"/v1{path}", absolute=True)).body
    assert (await api.ask("POST", "/runtime/environments", seed(name="b"), absolute=True)).status == 202


async def test_a_wrong_method_names_the_right_ones(api: Api) -> None:
    answer = await api.ask("DELETE", "/environments", token=None)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


async def test_a_list_is_read_page_by_page_and_ends_without_a_link(api: Api) -> None:
    for number in range(5):
        await api.ready(name=f"env-{number}")
        api.world.time.passes(seconds=1)
    names: list[str] = []
    path: str | None = "/v1/runtime/environments?limit=2"
    pages = 0
    while path is not None:
        answer = await api.ask("GET", path, absolute=True)
        page = document(answer)
        names += [one["name"] for one in page["environments"]]
        pages += 1
        assert "ETag" in answer.headers
        path = page["nextLink"].removeprefix(BASE) if "nextLink" in page else None
    assert names == [f"env-{number}" for number in reversed(range(5))]
    assert pages == 3


async def test_a_list_answers_304_like_a_resource(api: Api) -> None:
    await api.ready()
    etag = (await api.ask("GET", "/environments")).headers["ETag"]
    assert (await api.ask("GET", "/environments", if_none_match=etag)).status == 304
    await api.ready(name="b")
    assert (await api.ask("GET", "/environments", if_none_match=etag)).status == 200


async def test_a_cursor_opens_only_the_list_it_was_made_for(api: Api) -> None:
    for number in range(3):
        await api.ready(name=f"env-{number}")
    link = document(await api.ask("GET", "/environments?limit=2"))["nextLink"].removeprefix(BASE)
    cursor = link.partition("cursor=")[2]
    assert (await api.ask("GET", link, absolute=True)).status == 200
    assert (await api.ask("GET", f"/environments?cursor={cursor}&limit=1")).status == 200, "the size may change"
    for wrong in (
        f"/environments?cursor={cursor}&status=Failed",
        f"/environments?cursor={cursor[:-1]}x",
        f"/environments?cursor={cursor}&cursor={cursor}",
        "/environments?cursor=",
        "/environments?cursor=AAAA",
    ):
        assert (await api.ask("GET", wrong)).status == 400, wrong
    other = f"other:{READ}"
    assert (await api.ask("GET", f"/environments?cursor={cursor}", token=other)).status == 400


@pytest.mark.parametrize("text", ["limt=2", "limit=0", "limit=201", "limit=x", "limit=2&limit=2", "status=Moon"])
async def test_a_parameter_that_nobody_reads_or_can_read_is_malformed(api: Api, text: str) -> None:
    answer = await api.ask("GET", f"/environments?{text}")
    assert (answer.status, document(answer)["code"]) == (400, "MalformedRequest")
    assert text.partition("=")[0] in document(answer)["errors"]


async def test_only_a_deprecated_route_says_so_whatever_it_answers(api: Api) -> None:
    environment = await api.ready()
    for path, token in [
        (f"/old/{environment.environment_id}", f"{TENANT}:{READ}"),
        ("/old/env-0", f"{TENANT}:{READ}"),
        ("/old/env-0", f"{TENANT}:{CONFIGURE}"),
        ("/old/env-0", None),
    ]:
        answer = await api.ask("GET", path, token=token)
        assert answer.headers["Deprecation"].startswith("@")
        assert answer.headers["Sunset"].endswith("GMT")
        assert 'rel="deprecation"' in answer.headers["Link"]
    for answer in (await everything(Api())).values():
        assert not {"Deprecation", "Sunset", "Link"} & set(answer.headers)


async def test_an_operation_that_still_runs_says_when_to_look_again(api: Api) -> None:
    made = await api.ask("POST", "/environments", seed())
    answer = await api.ask("GET", made.headers["Operation-Location"].removeprefix(BASE), absolute=True)
    assert answer.headers["Retry-After"] == "2"


async def test_open_routes_need_no_token_and_take_no_parameters(api: Api) -> None:
    assert (await api.ask("GET", "/alive", absolute=True, token=None)).status == 200
    assert (await api.ask("GET", "/alive?x=1", absolute=True, token=None)).status == 400
