"""Where lists and watches begin: `limit`, the `continue` token that names the last object of the chunk before, versions."""

from __future__ import annotations

import base64
import binascii
import json

from localazure.kubernetes.status import Refusal


def continue_token(place: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def resume_point(token: str) -> tuple[str, str]:
    if not token:
        return ("", "")
    try:
        namespace, name = json.loads(base64.urlsafe_b64decode(token))
        return str(namespace), str(name)
    except (ValueError, TypeError, binascii.Error):
        raise Refusal(400, "continue key is not valid") from None


def number(text: str, name: str) -> int:
    if not text.isdigit():
        raise Refusal(400, f"{name} must be a number")
    return int(text)


def version(text: str) -> int | None:
    """A resourceVersion; None for "" and "0", which stand for any. Raises `ValueError` with what the API server says."""
    if text in ("", "0"):
        return None
    if not text.isdigit():
        raise ValueError(f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)
