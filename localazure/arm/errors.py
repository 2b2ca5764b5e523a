"""ARM's errors: a status and `{"error": {"code", "message"}}`, raised anywhere below the application.

The codes are those Azure answers where a public trace of them exists (SDK sources, issue threads); messages are our own.
"""

from __future__ import annotations

import json


class ArmError(Exception):
    """A request that ARM refuses. `headers` are added to the answer."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    @property
    def document(self) -> dict[str, object]:
        return {"error": {"code": self.code, "message": self.message}}


def not_implemented(what: str) -> ArmError:
    return ArmError(501, "NotImplemented", f"The local Azure Resource Manager does not emulate {what}.")


def method_not_allowed(method: str) -> ArmError:
    return ArmError(405, "MethodNotAllowed", f"The request method '{method}' is not allowed on this resource.")


def group_not_found(name: str) -> ArmError:
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")


def resource_not_found(kind: str, name: str, group: str) -> ArmError:
    return ArmError(404, "ResourceNotFound", f"The Resource '{kind}/{name}' under resource group '{group}' was not found.")


def invalid_content(detail: str) -> ArmError:
    return ArmError(400, "InvalidRequestContent", f"The request content was invalid: {detail}")


def invalid_template(field: str, detail: str) -> ArmError:
    """What Container Apps says of a template it cannot run."""
    message = f"The following field(s) are either invalid or missing. Field '{field}' is invalid with details: '{detail}'."
    return ArmError(400, "InvalidParameterValueInContainerTemplate", message)


def error(status: int) -> tuple[dict[str, str], bytes]:
    """Headers and body of an error of ARM's own, for the fault injector."""
    refused = ArmError(status, "InternalServerError", "The server encountered an internal error. Please retry the request.")
    return {"content-type": "application/json; charset=utf-8"}, json.dumps(refused.document).encode()
