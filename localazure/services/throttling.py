"""How each service says that it is asked too often, as its clients expect to read it.

Every answer carries `Retry-After`. What Azure Resource Manager, Key Vault and the Kubernetes API server say is written down
in their own references. OAuth 2.0 and OPA have no throttling of their own: there it is what a gateway in front of them
answers, in their error shape.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from localazure.kubernetes.status import Refusal

RETRY_SECONDS = 1
_JSON = "application/json; charset=utf-8"
_OPERATIONS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}  # of ARM's token buckets; all others are writes


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


Throttled = Callable[[str], Answer]  # the request's method → what it is answered


def arm(method: str) -> Answer:
    """Microsoft, "Understand how Azure Resource Manager throttles requests": the bucket of the subscription is empty."""
    operations = _OPERATIONS.get(method, "writes")
    message = (
        f"Number of '{operations}' requests for the subscription exceeded the limit. Please try again after some time."
    )
    headers = {f"x-ms-ratelimit-remaining-subscription-{operations}": "0"}
    return _answer({"error": {"code": "TooManyRequests", "message": message}}, _JSON, headers)


def kubernetes(_method: str) -> Answer:
    """k8s.io/apimachinery, `NewTooManyRequestsError`: a `Status` that repeats the seconds in its details."""
    body = Refusal(429, "Too many requests, please try again later.").body()
    return _answer({**body, "details": {"retryAfterSeconds": RETRY_SECONDS}}, "application/json")


def key_vault(_method: str) -> Answer:
    """Microsoft, "Azure Key Vault throttling guidance"."""
    message = "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached"
    return _answer({"error": {"code": "Throttled", "message": message}}, _JSON)


def registry(_method: str) -> Answer:
    """OCI distribution specification 1.1, error code 14."""
    return _answer({"errors": [{"code": "TOOMANYREQUESTS", "message": "too many requests"}]}, _JSON)


def issuer(_method: str) -> Answer:
    """OAuth's error shape; `temporarily_unavailable` is the word that RFC 6749 §4.1.2.1 has for it."""
    body = {"error": "temporarily_unavailable", "error_description": "The authorization server is asked too often."}
    return _answer(body, "application/json", {"Cache-Control": "no-store"})


def policy(_method: str) -> Answer:
    """OPA's error shape."""
    return _answer({"code": "too_many_requests", "message": "the policy point is asked too often"}, "application/json")


def _answer(body: dict[str, Any], content_type: str, headers: dict[str, str] | None = None) -> Answer:
    named = {"Content-Type": content_type, "Retry-After": str(RETRY_SECONDS), **(headers or {})}
    return Answer(429, named, json.dumps(body).encode())
