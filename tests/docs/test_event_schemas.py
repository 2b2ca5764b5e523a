"""docs/events is what the code emits: made anew it is the same, and it covers every event there is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from shared.events.envelope import EventType
from tests.support.schemas import validator
from tools.schemas import EVENTS, FOLDER, generate


def test_generating_again_gives_the_same(tmp_path: Path) -> None:
    generate(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        path.name: path.read_text() for path in FOLDER.glob("*.json")
    }, "make schemas"


def test_what_is_no_event_any_more_goes(tmp_path: Path) -> None:
    (tmp_path / "RuntimeForgotten.json").write_text("{}")
    generate(tmp_path)
    assert not (tmp_path / "RuntimeForgotten.json").exists()


def test_every_event_has_one_schema() -> None:
    assert sorted(payload.event_type for payload in EVENTS) == sorted(EventType)


@pytest.mark.parametrize("name", EventType)
def test_a_schema_is_one_and_says_what_the_event_means(name: str) -> None:
    schema = json.loads((FOLDER / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["description"]
    assert schema["properties"]["eventType"]["const"] == name
    assert "null" not in json.dumps(schema)


def test_a_schema_takes_what_is_added_later_and_misses_what_is_gone() -> None:
    event = {
        "eventId": "evt-1",
        "eventType": "RuntimeInventoryUpdated",
        "tenantId": "t",
        "traceId": "trace-1",
        "correlationId": "corr-1",
        "causationId": "op-1",
        "occurredAt": "2026-06-11T12:00:00Z",
        "sequence": 1,
        "payload": {"environmentId": "env-1", "generation": 1, "later": True},
    }
    validator("RuntimeInventoryUpdated").validate(event)
    for broken in ({**event, "sequence": "1"}, {**event, "payload": {"environmentId": "env-1"}}):
        with pytest.raises(ValidationError):
            validator("RuntimeInventoryUpdated").validate(broken)
