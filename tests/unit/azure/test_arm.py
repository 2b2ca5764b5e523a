"""Arm against a scripted transport: what is sent, what is repeated, what comes out."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.utils import case_insensitive_dict

from shared.azure.arm import Arm
from shared.kernel.errors import Refused, Transient

BASE = "https://management.azure.com"
ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/containerApps/a"
RESOURCE = {"id": ID, "properties": {"provisioningState": "Succeeded"}}
STATUS = f"{BASE}/subscriptions/s/providers/Microsoft.App/locations/l/operationStatuses/1?api-version=v"
POLL = {"Azure-AsyncOperation": STATUS, "x-ms-retry-after-ms": "1"}


class Credential:
    async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken("t", int(time.time()) + 3600)

    async def close(self) -> None: ...


class Answer:
    """As much of a response as azure-core reads."""

    is_stream_consumed = True

    def __init__(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        self.status_code = status
        self.headers = case_insensitive_dict(headers or {})
        self.content = b"" if body is None else json.dumps(body).encode()
        self.content_type = "application/json"
        self.request: Any = None
        self.reason = ""

    def text(self, _encoding: str | None = None) -> str:
        return self.content.decode()

    async def read(self) -> bytes:
        return self.content

    async def close(self) -> None: ...


class Script(AsyncHttpTransport[Any, Any]):
    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, str]] = []

    async def send(self, request: Any, **_options: Any) -> Any:
        self.sent.append((request.method, request.url))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        answer.request = request
        return answer

    async def sleep(self, _duration: float) -> None: ...
    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_what: Any) -> None: ...


def arm(*answers: Answer | Exception) -> tuple[Arm, Script]:
    script = Script(*answers)
    return Arm(Credential, transport=script), script


def refusal(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": "because"}}


async def test_a_resource_is_read_with_its_version() -> None:
    client, script = arm(Answer(200, RESOURCE))
    assert await client.get(ID, "2026-07-01") == RESOURCE
    assert script.sent == [("GET", f"{BASE}{ID}?api-version=2026-07-01")]


async def test_an_absent_resource_is_none_and_deleting_it_succeeds() -> None:
    client, _ = arm(Answer(404, refusal("ResourceNotFound")), Answer(404, refusal("ResourceNotFound")))
    assert await client.get(ID, "v") is None
    await client.delete(ID, "v")


async def test_a_list_has_all_pages_and_an_absent_collection_is_empty() -> None:
    page = {"value": [{"name": "a"}], "nextLink": f"{BASE}/next?token=1"}
    client, script = arm(Answer(200, page), Answer(200, {"value": [{"name": "b"}]}), Answer(404))
    assert await client.list("/subscriptions/s/x", "v") == [{"name": "a"}, {"name": "b"}]
    assert script.sent[1] == ("GET", f"{BASE}/next?token=1")
    assert await client.list("/subscriptions/s/x", "v") == []


@pytest.mark.parametrize(
    "link", ["https://evil.example/next", f"{BASE}.evil.example/next", "http://management.azure.com/x"]
)
async def test_the_token_follows_no_link_to_another_host(link: str) -> None:
    client, script = arm(Answer(200, {"value": [], "nextLink": link}))
    with pytest.raises(Refused) as told:
        await client.list("/subscriptions/s/x", "v")
    assert told.value.code == "ForeignNextLink"
    assert len(script.sent) == 1


async def test_a_put_waits_for_its_operation_and_gives_the_resource() -> None:
    client, script = arm(
        Answer(201, {"id": ID}, POLL),
        Answer(200, {"status": "InProgress"}, POLL),
        Answer(200, {"status": "Succeeded"}),
        Answer(200, RESOURCE),
    )
    assert await client.put(ID, "v", {}) == RESOURCE
    assert [method for method, _ in script.sent] == ["PUT", "GET", "GET", "GET"]


async def test_a_put_that_is_not_waited_for_is_one_request() -> None:
    client, script = arm(Answer(201, RESOURCE, POLL))
    assert await client.put_no_wait(ID, "v", {}) == RESOURCE
    assert len(script.sent) == 1


async def test_an_operation_that_fails_is_refused_with_its_own_code() -> None:
    failed = {"status": "Failed", "error": {"code": "SubnetIsFull", "message": "no address left"}}
    client, _ = arm(Answer(201, {"id": ID}, POLL), Answer(200, failed))
    with pytest.raises(Refused) as told:
        await client.put(ID, "v", {})
    assert (told.value.code, told.value.message) == ("SubnetIsFull", "no address left")


async def test_a_poll_that_meets_a_broken_service_is_transient() -> None:
    client, _ = arm(Answer(201, {"id": ID}, POLL), Answer(503, refusal("Unavailable")))
    with pytest.raises(Transient):
        await client.put(ID, "v", {})


async def test_an_action_may_answer_nothing() -> None:
    client, _ = arm(Answer(200), Answer(200, {"name": "execution"}))
    assert await client.post(f"{ID}/start", "v") == {}
    assert await client.post(f"{ID}/start", "v", {"a": 1}) == {"name": "execution"}


async def test_a_refusal_carries_the_code_and_a_conflict_in_progress_is_transient() -> None:
    client, _ = arm(Answer(400, refusal("Bad")), Answer(409, refusal("ContainerAppOperationInProgress")))
    with pytest.raises(Refused) as told:
        await client.put(ID, "v", {})
    assert (told.value.dependency, told.value.code, told.value.message) == ("arm", "Bad", "because")
    with pytest.raises(Transient):
        await client.patch(ID, "v", {})


@pytest.mark.parametrize("failure", [ServiceRequestError("refused"), ServiceResponseError("cut"), Answer(500), Answer(503)])
async def test_a_write_is_never_repeated(failure: Answer | Exception) -> None:
    for method in ("put", "patch", "post"):
        client, script = arm(failure)
        with pytest.raises(Transient):
            await getattr(client, method)(ID, "v", {})
        assert len(script.sent) == 1


async def test_a_read_without_an_answer_is_repeated_and_one_with_an_answer_is_not() -> None:
    client, script = arm(ServiceResponseError("cut"), Answer(200, RESOURCE), Answer(503))
    assert await client.get(ID, "v") == RESOURCE
    with pytest.raises(Transient):
        await client.get(ID, "v")
    assert len(script.sent) == 3


async def test_a_throttled_subscription_is_not_asked_again_until_it_may_be() -> None:
    client, script = arm(Answer(429, refusal("TooManyRequests"), {"Retry-After": "30"}))
    for _ in range(3):
        with pytest.raises(Transient) as told:
            await client.get(ID, "v")
        assert 25 < told.value.retry_after <= 30
    assert len(script.sent) == 1


async def test_a_name_cannot_leave_its_path() -> None:
    client, script = arm(Answer(404))
    await client.get("/subscriptions/s/resourceGroups/g?x#y%2F", "v")
    assert script.sent[0][1] == f"{BASE}/subscriptions/s/resourceGroups/g%3Fx%23y%252F?api-version=v"


async def test_an_answer_that_is_not_arm_is_no_document() -> None:
    broken = Answer(502)
    broken.content = b"<html>"
    client, _ = arm(broken)
    with pytest.raises(Transient):
        await client.get(ID, "v")
