"""What went wrong in an engine, as the platform's own errors.

The engine's words are Azure's, passed on by its provider: the code and a bounded message are taken from them. `Transient`
where Azure could not be asked or says itself that it cannot answer now; everything else is `Refused`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pulumi.automation.errors import CommandError, ConcurrentUpdateError

from shared.kernel.errors import Refused, RuntimeCloudError, Transient

LONGEST: Final = 500  # characters of a foreign message
_CODE: Final = re.compile(r"""Code=["']?(\w+)|^(PolicyViolation):""", re.MULTILINE)
_STATUS: Final = re.compile(r"\bStatus=(\d{3})\b")
_AWAY: Final = re.compile(r"connection refused|no such host|i/o timeout|TLS handshake|EOF$", re.IGNORECASE | re.MULTILINE)
_BACKEND: Final = re.compile(r"failed to (?:open|load|read|list) .*(?:bucket|checkpoint)|ManagedIdentityCredential", re.I)


def judged(error: CommandError, complaints: Sequence[str]) -> RuntimeCloudError:
    """`complaints`: what the engine reported as errors while it ran, first things first."""
    said = "\n".join(complaints)
    everything = f"{said}\n{error}"
    if isinstance(error, ConcurrentUpdateError):
        return Transient("pulumi", retry_after=30.0)
    status = _STATUS.search(everything)
    if status and (status[1] == "429" or status[1].startswith("5")):
        return Transient("arm")
    if _AWAY.search(said) or (not said and _BACKEND.search(everything)):
        return Transient("pulumi")
    code = _CODE.search(everything)
    return Refused("pulumi", (code[1] or code[2]) if code else "EngineFailed", _brief(said))


def _brief(said: str) -> str:
    return " ".join(said.split())[:LONGEST] or "the engine gave no reason; the provisioner's log has what it said"
