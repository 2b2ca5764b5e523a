"""Table Storage's own failures, in the OData shape that its clients read.

Codes and messages: Microsoft, "Table Storage error codes" and "Common REST API error codes".
"""

from __future__ import annotations

import datetime as dt
import json
import uuid

RETRY_SECONDS = 1
_VERSION = "2019-02-02"  # of the service, not of the request


def error(status: int = 500) -> bytes:
    """A request that failed inside the service."""
    return _response(status, "InternalError", "The server encountered an internal error. Please retry the request.")


def throttled() -> bytes:
    """An account that is asked too often, or whose partition is on the move: 503 with `Retry-After`."""
    message = "The server is currently unable to receive requests. Please retry your request."
    return _response(503, "ServerBusy", message, f"Retry-After: {RETRY_SECONDS}\r\n")


def _response(status: int, code: str, message: str, headers: str = "") -> bytes:
    """The whole HTTP response."""
    request_id, now = uuid.uuid4(), dt.datetime.now(dt.UTC)
    text = f"{message}\nRequestId:{request_id}\nTime:{now.isoformat().replace('+00:00', 'Z')}"
    body = json.dumps({"odata.error": {"code": code, "message": {"lang": "en-US", "value": text}}}).encode()
    head = (
        f"HTTP/1.1 {status} {code}\r\nContent-Type: application/json;odata=minimalmetadata;streaming=true;charset=utf-8\r\n"
        f"x-ms-error-code: {code}\r\nx-ms-request-id: {request_id}\r\nx-ms-version: {_VERSION}\r\n"
        f"Date: {now:%a, %d %b %Y %H:%M:%S} GMT\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
