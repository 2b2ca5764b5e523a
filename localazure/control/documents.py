"""The bodies the control API takes: strict, unknown fields refused, so that a typing error is an answer, not a mystery."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from localazure.control.faults import Mode

_DAY = 86_400.0
Seconds = Annotated[float, Field(gt=0, le=_DAY)]
Name = Annotated[str, Field(min_length=1)]


class Malformed(Exception):
    """A body that is refused; the text names each offending field."""


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class FaultWanted(Document):
    dependency: str
    mode: Mode
    rate: Annotated[float, Field(gt=0, le=1)] = 1.0
    seconds: Seconds = 10.0


class DecisionWanted(Document):
    allow: bool
    reasons: tuple[str, ...] = ()
    obligations: dict[str, Any] = Field(default_factory=dict)
    seconds: Seconds = 10.0


class ChangeWanted(Document):
    environment_id: Name
    service_id: Name
    image: Name | None = None
    replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    env: dict[str, str] | None = None
    delete: bool | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> ChangeWanted:
        if not self.wanted:
            raise ValueError("one of image, replicas, env, delete is needed")
        return self

    @property
    def wanted(self) -> dict[str, Any]:
        """What `Changeable.change` takes."""
        return self.model_dump(include={"image", "replicas", "env", "delete"}, exclude_none=True)


class LoadWanted(Document):
    """`metric` as autoscalers name it; what `value` means is in `localazure.workloads.loads`."""

    environment_id: Name
    service_id: Name
    metric: Name
    value: Annotated[float, Field(ge=0, le=1e12)]


class TokenWanted(Document):
    claims: dict[str, Any] = Field(default_factory=dict)
    header: dict[str, Any] = Field(default_factory=dict)
    encrypt: bool = False
    key: Literal["current", "foreign"] = "current"


class SecretWanted(Document):
    vault_uri: Annotated[str, Field(pattern=r"^https?://[^/?#]+/?$")]
    name: Name
    value: str


_Read = TypeVar("_Read", bound=Document)


def read(kind: type[_Read], body: bytes) -> _Read:
    """The document in a body; an empty body is an empty object. Raises `Malformed`."""
    try:
        return kind.model_validate_json(body or b"{}")
    except ValidationError as refused:
        lines = (f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in refused.errors())
        raise Malformed("; ".join(lines)) from None


def read_object(body: bytes) -> dict[str, Any]:
    """Any JSON object. Raises `Malformed`."""
    try:
        document = json.loads(body)
    except ValueError as refused:
        raise Malformed(f"body: not JSON: {refused}") from None
    if not isinstance(document, dict):
        raise Malformed("body: must be a JSON object")
    return document
