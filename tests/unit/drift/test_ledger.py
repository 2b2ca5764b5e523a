"""What a scan does to a finding, status by status."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest

from shared.kernel.errors import TransitionRefused
from shared.kernel.ids import EnvironmentId
from shared.runtime.drift.compare import Compared, Difference
from shared.runtime.drift.ledger import Ledger
from shared.runtime.drift.model import SEVERITY, Decision, Finding, FindingKind, Owner, Severity, finding_id, highest
from shared.runtime.drift.model import FindingStatus as Status
from shared.runtime.drift.transitions import TRANSITIONS, Transition
from tests.unit.drift.world import NOON

ENVIRONMENT = EnvironmentId("env-00000000000000aa")
LEDGER = Ledger(ENVIRONMENT, b"signing key")
IMAGE = Difference(FindingKind.IMAGE_VERSION_MISMATCH, "api", "1.4.2", "1.4.1", Owner.DEPLOYMENT)
SEEN = Compared([IMAGE])
CLEAN = Compared()
LATER = NOON + timedelta(minutes=5)
UNRESOLVED = [status for status in Status if status is not Status.RESOLVED]

# Another hand's table: where each transition may begin, and where it leads.
FROM_AND_TO = {
    Transition.DETECT: ({None}, Status.OPEN),
    Transition.SEE: ({Status.OPEN, Status.REOPENED, Status.ACKNOWLEDGED, Status.ACCEPTED_UNTIL}, None),
    Transition.RESOLVE: (set(UNRESOLVED), Status.RESOLVED),
    Transition.REOPEN: ({Status.RESOLVED, Status.ACCEPTED_UNTIL, Status.REMEDIATING}, Status.REOPENED),
    Transition.ACKNOWLEDGE: ({Status.OPEN, Status.REOPENED}, Status.ACKNOWLEDGED),
    Transition.ACCEPT: (
        {Status.OPEN, Status.REOPENED, Status.ACKNOWLEDGED, Status.ACCEPTED_UNTIL},
        Status.ACCEPTED_UNTIL,
    ),
    Transition.ADOPT: (
        {Status.OPEN, Status.REOPENED, Status.ACKNOWLEDGED, Status.ACCEPTED_UNTIL},
        Status.RESOLVED,
    ),
    Transition.REMEDIATE: (
        {Status.OPEN, Status.REOPENED, Status.ACKNOWLEDGED, Status.ACCEPTED_UNTIL},
        Status.REMEDIATING,
    ),
}


def finding(status: Status, until=None) -> Finding:
    [posting] = LEDGER.post([], SEEN, NOON)
    decision = None
    if status not in (Status.OPEN, Status.RESOLVED, Status.REOPENED):
        decision = Decision(by="ada", at=NOON, until=until, reason="known")
    return posting.finding.model_copy(update={"status": status, "decision": decision})


@pytest.mark.parametrize(("transition", "current", "target"), list(product(Transition, [None, *Status], Status)))
def test_every_transition_is_allowed_exactly_where_the_table_says(transition, current, target) -> None:
    begins, leads_to = FROM_AND_TO[transition]
    allowed = current in begins and target is (leads_to or current)
    assert TRANSITIONS.allows(transition, current, target) is allowed
    if not allowed:
        with pytest.raises(TransitionRefused):
            TRANSITIONS.require(transition, current, target)


def test_a_new_difference_is_one_open_finding_that_is_announced() -> None:
    [posting] = LEDGER.post([], SEEN, NOON)
    assert posting.announced
    assert posting.finding.document() == {
        "findingId": finding_id(b"signing key", ENVIRONMENT, FindingKind.IMAGE_VERSION_MISMATCH, "api"),
        "environmentId": ENVIRONMENT,
        "serviceId": "api",
        "kind": "ImageVersionMismatch",
        "desired": "1.4.2",
        "actual": "1.4.1",
        "severity": "High",
        "detectedAt": "2026-06-11T12:00:00Z",
        "status": "Open",
        "owner": "deployment",
        "firstSeenAt": "2026-06-11T12:00:00Z",
        "lastSeenAt": "2026-06-11T12:00:00Z",
        "occurrences": 1,
    }


@pytest.mark.parametrize("status", [Status.OPEN, Status.REOPENED, Status.ACKNOWLEDGED])
def test_seeing_it_again_counts_and_changes_no_status(status) -> None:
    [posting] = LEDGER.post([finding(status)], SEEN, LATER)
    assert not posting.moved
    assert not posting.announced
    seen = posting.finding
    assert (seen.status, seen.occurrences, seen.detected_at, seen.last_seen_at) == (status, 2, NOON, LATER)


def test_what_it_differs_by_is_the_latest_that_was_seen() -> None:
    worse = Compared([Difference(IMAGE.kind, "api", "1.4.2", "1.3.0", Owner.DEPLOYMENT)], frozenset(), frozenset())
    [posting] = LEDGER.post([finding(Status.OPEN)], worse, LATER)
    assert posting.finding.actual == "1.3.0"


@pytest.mark.parametrize("status", UNRESOLVED)
def test_it_resolves_when_it_is_gone_whatever_was_decided(status) -> None:
    [posting] = LEDGER.post([finding(status)], CLEAN, LATER)
    assert posting.finding.status is Status.RESOLVED
    assert posting.finding.last_seen_at == NOON
    assert posting.moved
    assert not posting.announced


def test_what_is_resolved_and_gone_is_left_alone() -> None:
    assert LEDGER.post([finding(Status.RESOLVED)], CLEAN, LATER) == []


def test_what_could_not_be_judged_resolves_nothing() -> None:
    unjudged = Compared([], frozenset({"api"}), frozenset({"api"}))
    assert LEDGER.post([finding(Status.OPEN)], unjudged, LATER) == []


def test_a_finding_of_a_service_that_is_wanted_no_more_resolves() -> None:
    other = Compared([], frozenset({"web"}), frozenset({"web"}))
    [posting] = LEDGER.post([finding(Status.OPEN)], other, LATER)
    assert posting.finding.status is Status.RESOLVED


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.REMEDIATING])
def test_back_after_it_was_gone_or_was_to_be_mended_is_the_same_finding_reopened_and_announced(status) -> None:
    before = finding(status)
    [posting] = LEDGER.post([before], SEEN, LATER)
    after = posting.finding
    assert posting.announced
    assert (after.finding_id, after.status) == (before.finding_id, Status.REOPENED)
    assert (after.first_seen_at, after.detected_at, after.occurrences, after.decision) == (NOON, LATER, 2, None)


def test_an_acceptance_holds_until_its_end_and_not_longer() -> None:
    accepted = finding(Status.ACCEPTED_UNTIL, until=LATER)
    [within] = LEDGER.post([accepted], SEEN, LATER - timedelta(seconds=1))
    [at_the_end] = LEDGER.post([accepted], SEEN, LATER)
    assert (within.finding.status, within.announced) == (Status.ACCEPTED_UNTIL, False)
    assert (at_the_end.finding.status, at_the_end.announced) == (Status.REOPENED, True)


def test_ids_are_one_per_environment_service_and_kind() -> None:
    places = product(["env-00000000000000aa", "env-00000000000000ab"], FindingKind, ["api", "web", None])
    made = {finding_id(b"signing key", EnvironmentId(env), kind, service) for env, kind, service in places}
    assert len(made) == 2 * len(FindingKind) * 3
    assert all(ident.startswith("drift-00000000000000a") and len(ident) == 38 for ident in made)


def test_every_kind_has_a_severity_and_the_highest_of_the_unresolved_counts() -> None:
    assert set(SEVERITY) == set(FindingKind)
    critical = finding(Status.RESOLVED).model_copy(update={"severity": Severity.CRITICAL})
    assert highest([critical, finding(Status.OPEN)]) is Severity.HIGH
    assert highest([critical]) is None
