"""The API server's own error shape: a `Status` object, with the reason and the code that clients branch on.

Reasons and codes are those of k8s.io/apimachinery (meta/v1 StatusReason); 501 has no reason of its own there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from localazure.kubernetes.kinds import Kind

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class Refusal(Exception):
    """A request that the API server refuses. `causes` are what a client shows field by field."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str | None = None,
        kind: Kind | None = None,
        name: str = "",
        causes: Sequence[dict[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = _REASONS.get(code, "") if reason is None else reason
        self.details: dict[str, Any] = {}
        if kind is not None:
            self.details = {"name": name, "group": kind.group, "kind": kind.plural}
        if causes:
            self.details["causes"] = list(causes)

    def body(self) -> dict[str, Any]:
        """The `Status` document."""
        details = {name: value for name, value in self.details.items() if value}
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            **({"reason": self.reason} if self.reason else {}),
            **({"details": details} if details else {}),
            "code": self.code,
        }


def error(status: int) -> tuple[dict[str, str], bytes]:
    """Headers and body of an error answer, for fault injection."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    body = Refusal(status, f"an error on the server: {phrase}").body()
    return {"content-type": "application/json"}, json.dumps(body).encode()


def not_found(kind: Kind, name: str) -> Refusal:
    return Refusal(404, f'{kind.qualified} "{name}" not found', kind=kind, name=name)


def already_exists(kind: Kind, name: str) -> Refusal:
    return Refusal(409, f'{kind.qualified} "{name}" already exists', reason="AlreadyExists", kind=kind, name=name)


def stale(kind: Kind, name: str) -> Refusal:
    """A write that was made from an older version of the object than the one that stands."""
    message = (
        f'Operation cannot be fulfilled on {kind.qualified} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    return Refusal(409, message, kind=kind, name=name)


def invalid(kind: Kind, name: str, causes: Sequence[tuple[str, str]]) -> Refusal:
    """`causes`: (field path, what is wrong with it)."""
    text = ", ".join(f"{path}: {problem}" for path, problem in causes)
    rows = [{"reason": "FieldValueInvalid", "message": problem, "field": path} for path, problem in causes]
    return Refusal(422, f'{kind.kind}{_dot(kind)} "{name}" is invalid: {text}', kind=kind, name=name, causes=rows)


def not_emulated(what: str) -> Refusal:
    return Refusal(501, f"{what}: not emulated by the local cluster")


def _dot(kind: Kind) -> str:
    return f".{kind.group}" if kind.group else ""
