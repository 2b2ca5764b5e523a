"""Every state machine of the platform, as its full product against a table written here from the contract alone."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from enum import StrEnum
from itertools import product
from typing import Any

import pytest

import shared
from shared.kernel.matrix import Matrix
from shared.operations import model as operations
from shared.runtime.deployments import transitions as deployments
from shared.runtime.drift import transitions as drift
from shared.runtime.environments import transitions as environments
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.secrets import transitions as secrets

# "transition": what may come of which status ("" = it does not exist yet).
ENVIRONMENT = {
    "provision": {"": "Provisioning"},
    "complete": {"Provisioning": "Provisioned", "Decommissioning": "Decommissioned"},
    "fail": {"Provisioning": "Failed", "Decommissioning": "Failed"},
    "retry": {"Failed": "Provisioning Decommissioning"},
    "decommission": {"Provisioned": "Decommissioning", "Failed": "Decommissioning"},
}
OPERATION = {
    "claim": {"NotStarted": "Running", "Running": "Running"},
    "succeed": {"Running": "Succeeded"},
    "fail": {"NotStarted": "Failed", "Running": "Failed"},
    "cancel": {"NotStarted": "Canceled", "Running": "Canceled"},
}
BINDING = {
    "bind": {"": "Bound"},
    "rotate": {"Bound": "Rotating", "Rotating": "Rotating"},
    "end": {"Rotating": "Bound"},
}
Table = dict[str, dict[str, str]]
MACHINES: list[tuple[Matrix[Any, Any], type[StrEnum], type[StrEnum], Table]] = [
    (environments.TRANSITIONS, environments.Transition, EnvironmentStatus, ENVIRONMENT),
    (operations.TRANSITIONS, operations.Transition, operations.OperationStatus, OPERATION),
    (secrets.TRANSITIONS, secrets.Transition, secrets.BindingStatus, BINDING),
]
ELSEWHERE = [deployments.TRANSITIONS, drift.TRANSITIONS]  # walked by the tests of their own folders


def steps() -> Iterator[Any]:
    for matrix, transitions, statuses, table in MACHINES:
        for transition, current, target in product(transitions, [None, *statuses], statuses):
            may = target.value in table[transition.value].get(current.value if current else "", "").split()
            name = f"{statuses.__name__}: {transition} {current} to {target}"
            yield pytest.param(matrix, transition, current, target, may, id=name)


@pytest.mark.parametrize(("matrix", "transition", "current", "target", "may"), list(steps()))
def test_every_transition_is_allowed_exactly_where_the_contract_says_so(
    matrix: Matrix[Any, Any], transition: StrEnum, current: StrEnum | None, target: StrEnum, may: bool
) -> None:
    assert matrix.allows(transition, current, target) == may


def test_no_state_machine_of_the_platform_is_forgotten() -> None:
    known = [id(matrix) for matrix, *_ in MACHINES] + [id(matrix) for matrix in ELSEWHERE]
    found = {
        id(value): f"{module.name}.{name}"
        for module in pkgutil.walk_packages(shared.__path__, "shared.")
        for name, value in vars(importlib.import_module(module.name)).items()
        if isinstance(value, Matrix)
    }
    assert {name for ident, name in found.items() if ident not in known} == set()


@pytest.mark.parametrize(
    "status", [status for status in EnvironmentStatus if status is not EnvironmentStatus.DECOMMISSIONED]
)
def test_from_every_status_an_environment_can_get_to_be_gone(status: EnvironmentStatus) -> None:
    reached, seen = {status}, set()
    while reached - seen:
        current = (reached - seen).pop()
        seen.add(current)
        reached |= {
            target for (_, at), targets in environments.TRANSITIONS.rows.items() if at is current for target in targets
        }
    assert EnvironmentStatus.DECOMMISSIONED in reached


def test_what_is_gone_stays_gone() -> None:
    gone = EnvironmentStatus.DECOMMISSIONED
    assert not [key for key in environments.TRANSITIONS.rows if key[1] is gone]


@pytest.mark.parametrize("status", [status for status in operations.OperationStatus if status not in operations.OPEN])
def test_what_has_ended_never_goes_on(status: operations.OperationStatus) -> None:
    assert not [key for key in operations.TRANSITIONS.rows if key[1] is status]
