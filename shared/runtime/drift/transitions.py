"""What may become of a finding, by whom: scans detect, see again, resolve and reopen; people decide."""

from __future__ import annotations

from enum import StrEnum

from shared.kernel.matrix import Matrix
from shared.runtime.drift.model import FindingStatus as Status


class Transition(StrEnum):
    DETECT = "detect"
    SEE = "see"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    ACKNOWLEDGE = "acknowledge"
    ACCEPT = "accept"
    REMEDIATE = "remediate"
    ADOPT = "adopt"


TRANSITIONS: Matrix[Transition, Status] = Matrix(
    {
        (Transition.DETECT, None): frozenset({Status.OPEN}),
        # Seeing it again is no news: what a person said about it stands.
        (Transition.SEE, Status.OPEN): frozenset({Status.OPEN}),
        (Transition.SEE, Status.REOPENED): frozenset({Status.REOPENED}),
        (Transition.SEE, Status.ACKNOWLEDGED): frozenset({Status.ACKNOWLEDGED}),
        (Transition.SEE, Status.ACCEPTED_UNTIL): frozenset({Status.ACCEPTED_UNTIL}),
        # Reality returned, whoever brought it back: no decision keeps a finding alive.
        (Transition.RESOLVE, Status.OPEN): frozenset({Status.RESOLVED}),
        (Transition.RESOLVE, Status.REOPENED): frozenset({Status.RESOLVED}),
        (Transition.RESOLVE, Status.ACKNOWLEDGED): frozenset({Status.RESOLVED}),
        (Transition.RESOLVE, Status.ACCEPTED_UNTIL): frozenset({Status.RESOLVED}),
        (Transition.RESOLVE, Status.REMEDIATING): frozenset({Status.RESOLVED}),
        (Transition.REOPEN, Status.RESOLVED): frozenset({Status.REOPENED}),
        # The acceptance was for a time, and that is over.
        (Transition.REOPEN, Status.ACCEPTED_UNTIL): frozenset({Status.REOPENED}),
        # Scans count only while no operation holds the slot: the remediation has ended, and the difference has not.
        (Transition.REOPEN, Status.REMEDIATING): frozenset({Status.REOPENED}),
        (Transition.ACKNOWLEDGE, Status.OPEN): frozenset({Status.ACKNOWLEDGED}),
        (Transition.ACKNOWLEDGE, Status.REOPENED): frozenset({Status.ACKNOWLEDGED}),
        (Transition.ACCEPT, Status.OPEN): frozenset({Status.ACCEPTED_UNTIL}),
        (Transition.ACCEPT, Status.REOPENED): frozenset({Status.ACCEPTED_UNTIL}),
        (Transition.ACCEPT, Status.ACKNOWLEDGED): frozenset({Status.ACCEPTED_UNTIL}),
        # Accepting again moves the end.
        (Transition.ACCEPT, Status.ACCEPTED_UNTIL): frozenset({Status.ACCEPTED_UNTIL}),
        # Whoever accepted a difference may change their mind; one that is being mended is mended once.
        (Transition.REMEDIATE, Status.OPEN): frozenset({Status.REMEDIATING}),
        (Transition.REMEDIATE, Status.REOPENED): frozenset({Status.REMEDIATING}),
        (Transition.REMEDIATE, Status.ACKNOWLEDGED): frozenset({Status.REMEDIATING}),
        (Transition.REMEDIATE, Status.ACCEPTED_UNTIL): frozenset({Status.REMEDIATING}),
        # What was found is wanted from now on: there is no difference any more.
        (Transition.ADOPT, Status.OPEN): frozenset({Status.RESOLVED}),
        (Transition.ADOPT, Status.REOPENED): frozenset({Status.RESOLVED}),
        (Transition.ADOPT, Status.ACKNOWLEDGED): frozenset({Status.RESOLVED}),
        (Transition.ADOPT, Status.ACCEPTED_UNTIL): frozenset({Status.RESOLVED}),
    }
)
