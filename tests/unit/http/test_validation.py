"""Which fields are wrong, in which of the two ways, and never with what."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from shared.http.validation import validate
from shared.kernel.errors import MalformedRequest, OnHold, ValidationFailed
from shared.kernel.record import Record

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class Stage(StrEnum):
    DEV = "dev"
    PROD = "prod"


class Component(Record):
    module_id: Name
    image: str
    replicas: Annotated[int, Field(ge=0, le=10)] = 1


class SecretRef(Record):
    secret_ref: Annotated[str, StringConstraints(min_length=3)]


def _no_repetition(items: tuple[Component, ...]) -> tuple[Component, ...]:
    if len({component.module_id for component in items}) != len(items):
        raise ValueError("a component is named twice")
    return items


def _house_rule(value: str) -> str:
    if value == "custom":
        raise PydanticCustomError("house_rule", "breaks a rule of the house")
    if value == "assert":
        raise AssertionError(value)
    if value == "domain":
        raise OnHold
    return value


class Plan(Record):
    name: Name
    stage: Stage = Stage.DEV
    strategy: Literal["RollingHealthGated", "AllAtOnce"] = "AllAtOnce"
    components: Annotated[tuple[Component, ...], Field(min_length=1, max_length=3), AfterValidator(_no_repetition)] = (
        Component(module_id="a", image="b"),
    )
    values: dict[Name, str | int | float | bool | SecretRef] = Field(default_factory=dict)
    until: AwareDatetime | None = None
    scale_to_zero: bool = False
    ratio: float = 1
    note: Annotated[str, AfterValidator(_house_rule)] = ""
    minimum: int = 0

    @model_validator(mode="after")
    def _zero_means_zero(self) -> Plan:
        if self.scale_to_zero and self.minimum:
            raise ValidationFailed({"minimum": ["must be 0 when scaleToZero is true"]})
        return self


GOOD = {"moduleId": "a", "image": "registry/a:1"}


def errors_of(kind: type[MalformedRequest | ValidationFailed], **document: Any) -> dict[str, list[str]]:
    with pytest.raises(kind) as caught:
        validate(Plan, {"name": "n"} | document)
    assert type(caught.value) is kind
    return caught.value.errors


def test_a_right_document_becomes_the_record() -> None:
    plan = validate(
        Plan,
        {
            "name": "n",
            "stage": "prod",
            "components": [GOOD],
            "values": {"a": 1, "b": True, "c": "x", "d": 1.5, "e": {"secretRef": "v/n"}},
            "until": "2026-06-11T12:00:00Z",
            "ratio": 2,
        },
    )
    assert plan.stage is Stage.PROD
    assert plan.components[0].module_id == "a"
    assert plan.values["b"] is True
    assert plan.values["e"] == SecretRef(secret_ref="v/n")


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"name": 1}, "name"),
        ({"name": None}, "name"),
        ({"stage": 1}, "stage"),
        ({"stage": None}, "stage"),
        ({"strategy": ["AllAtOnce"]}, "strategy"),
        ({"unknown": 1}, "unknown"),
        ({"scale_to_zero": True}, "scale_to_zero"),
        ({"scaleToZero": "true"}, "scaleToZero"),
        ({"scaleToZero": 1}, "scaleToZero"),
        ({"ratio": "1"}, "ratio"),
        ({"until": 1781179200}, "until"),
        ({"components": {}}, "components"),
        ({"components": ["a"]}, "components[0]"),
        ({"components": [GOOD, {"moduleId": "b"}]}, "components[1].image"),
        ({"components": [GOOD | {"Image": "x"}]}, "components[0].Image"),
        ({"components": [GOOD | {"replicas": "2"}]}, "components[0].replicas"),
        ({"components": [GOOD | {"replicas": 2.5}]}, "components[0].replicas"),
        ({"components": [GOOD | {"replicas": True}]}, "components[0].replicas"),
        ({"values": {"a": [1]}}, "values.a"),
        ({"values": {"a": {"secretRef": 1}}}, "values.a.secretRef"),
    ],
)
def test_another_shape_is_malformed(document: dict[str, Any], path: str) -> None:
    assert list(errors_of(MalformedRequest, **document)) == [path]


@pytest.mark.parametrize(
    ("document", "path", "message"),
    [
        ({"name": "Not A Name"}, "name", "must match ^[a-z0-9][a-z0-9-]{0,63}$"),
        ({"stage": "moon"}, "stage", "must be 'dev' or 'prod'"),
        ({"strategy": "x"}, "strategy", "must be 'RollingHealthGated' or 'AllAtOnce'"),
        ({"components": []}, "components", "must have 1 items or more"),
        ({"components": [GOOD, GOOD]}, "components", "a component is named twice"),
        ({"components": [GOOD | {"replicas": 11}]}, "components[0].replicas", "must be at most 10"),
        ({"until": "tomorrow"}, "until", "must be a date and time as in RFC 3339"),
        ({"until": "2026-06-11T12:00:00"}, "until", "must have a time zone"),
        ({"values": {"NOT": 1}}, "values.NOT", "must match ^[a-z0-9][a-z0-9-]{0,63}$"),
        ({"values": {"a": {"secretRef": "x"}}}, "values.a.secretRef", "must have at least 3 characters"),
        ({"note": "custom"}, "note", "breaks a rule of the house"),
        ({"note": "assert"}, "note", "is not acceptable"),
        ({"scaleToZero": True, "minimum": 1}, "minimum", "must be 0 when scaleToZero is true"),
    ],
)
def test_a_value_that_is_not_acceptable_is_invalid(document: dict[str, Any], path: str, message: str) -> None:
    assert errors_of(ValidationFailed, **document) == {path: [message]}


def test_everything_is_reported_at_once() -> None:
    errors = errors_of(MalformedRequest, stage="moon", unknown=1, components=[{"moduleId": "A", "image": 1}])
    assert set(errors) == {"stage", "unknown", "components[0].moduleId", "components[0].image"}


def test_a_value_like_field_beside_a_reference_is_named_without_noise() -> None:
    errors = errors_of(MalformedRequest, values={"a": {"secretRef": "v/n", "value": "hunter2"}})
    assert errors == {"values.a.value": ["is not a field of this request"]}


def test_the_input_is_never_repeated() -> None:
    secret = "hunter2"
    for document in (
        {"name": secret.upper()},
        {"stage": secret},
        {"until": secret},
        {"note": "assert"},
        {"values": {"a": [secret]}},
        {"components": secret},
    ):
        with pytest.raises((MalformedRequest, ValidationFailed)) as caught:
            validate(Plan, {"name": "n"} | document)
        assert secret not in str(caught.value).lower()


def test_errors_and_names_are_bounded() -> None:
    errors = errors_of(MalformedRequest, **{"x" * 500 + str(number): 1 for number in range(500)})
    assert len(errors) <= 50
    assert all(len(path) <= 65 for path in errors)


def test_an_error_of_the_domain_passes_through() -> None:
    with pytest.raises(OnHold):
        validate(Plan, {"name": "n", "note": "domain"})
