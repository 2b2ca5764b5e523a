"""The policy point as a client of OPA's data API meets it."""

import pytest
from httpx import ASGITransport, AsyncClient

from localazure.policy import DECISION_PATH, Decision, Override, Overrides, Policy, application, error


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def overrides(clock):
    return Overrides(clock)


@pytest.fixture
async def client(overrides):
    app = application(Policy(), overrides)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://policy") as client:
        yield client


async def ask(client, action="deployments.rollback"):
    return (await client.post(DECISION_PATH, json={"input": {"action": action, "request": {}}})).json()


async def test_a_decision_comes_with_its_own_id(client):
    first, second = await ask(client), await ask(client)
    assert first["result"] == {"allow": True, "reasons": [], "obligations": {}}
    assert first["decision_id"] != second["decision_id"]


async def test_an_override_comes_before_the_rules_and_ends_by_itself(client, overrides, clock):
    overrides.hold(Override(Decision(False, ("frozen",), {"approval": "board"}), 10))
    assert (await ask(client))["result"] == {"allow": False, "reasons": ["frozen"], "obligations": {"approval": "board"}}
    clock.now = 10.0
    assert (await ask(client))["result"]["allow"] is True


async def test_the_last_override_holds_until_lifted(client, overrides):
    overrides.hold(Override(Decision(False), 10))
    overrides.hold(Override(Decision(True, (), {"log": True}), 10))
    assert (await ask(client, ""))["result"]["obligations"] == {"log": True}
    overrides.lift()
    assert (await ask(client))["result"]["obligations"] == {}


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'"input"'])
async def test_a_question_without_input_is_refused_in_opas_shape(client, body):
    answer = await client.post(DECISION_PATH, content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


async def test_a_document_that_no_rule_defines_has_no_result(client):
    answer = await client.post("/v1/data/runtime/other", json={"input": {}})
    assert answer.status_code == 200
    assert "result" not in answer.json()


async def test_what_is_not_emulated_answers_501(client):
    assert (await client.get("/v1/policies")).status_code == 501


def test_the_error_shape_is_opas():
    assert b'"code": "internal_error"' in error(500)[1]
