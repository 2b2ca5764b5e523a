"""The problems a route may answer: those of its kind, and its own (`Route.raises`)."""

from __future__ import annotations

from collections.abc import Iterator

from shared.access.binding import BindingStatus
from shared.http.mutating import CREATES, ENVIRONMENT
from shared.http.problem_table import APPROVAL_REQUIRED, TABLE, UNKNOWN, Problem
from shared.http.routes import Raised, Route
from shared.kernel import errors


def failures(route: Route) -> dict[int, list[Problem]]:
    """status -> problems with that status, ordered by code."""
    raised = {*_of_its_kind(route), *route.raises}
    by_code = {problem.code: problem for problem in (UNKNOWN, *(TABLE[kind] for kind in raised))}
    if errors.PolicyDenied in raised:
        by_code[APPROVAL_REQUIRED.code] = APPROVAL_REQUIRED
    found: dict[int, list[Problem]] = {}
    for code in sorted(by_code):
        found.setdefault(by_code[code].status, []).append(by_code[code])
    return dict(sorted(found.items()))


def _of_its_kind(route: Route) -> Iterator[Raised]:
    yield errors.MalformedRequest  # an unknown parameter, on every route
    if route.scopes is None:
        return
    yield from (errors.InvalidToken, errors.InsufficientScope, errors.TooManyRequests, errors.Transient)
    if _leads_somewhere(route):
        yield errors.NotFound
    if route.method != "GET":
        yield from _of_a_mutation(route)


def _of_a_mutation(route: Route) -> Iterator[Raised]:
    yield from (errors.TenantMismatch, errors.BodyTooLarge, errors.UnsupportedMediaType, errors.ValidationFailed)
    yield from (errors.ConcurrentChange, errors.PreconditionFailed, errors.IdempotencyKeyReused)
    if route.path != CREATES:
        refused = {BindingStatus.SUSPENDED: errors.TenantSuspended, BindingStatus.PENDING: errors.EnvironmentNotReady}
        yield from (error for status, error in refused.items() if status not in route.bindings)
    if route.governed:
        yield errors.PolicyDenied


def _leads_somewhere(route: Route) -> bool:
    """Whether it names something that may not be there: in its path, its query or its body."""
    in_body = route.body is not None and "environment_id" in route.body.model_fields
    return "{" in route.path or ENVIRONMENT in route.query or in_body
