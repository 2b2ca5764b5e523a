"""What a setting is compared and shown as: a fingerprint, never its value.

Somebody may have put a password where a setting belongs, and a finding is read by many: it is stored, listed, sent as an
event. The fingerprint is keyed, so that a short value cannot be found by trying. A reference to a vault is no secret.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

REFERENCE = "keyvault:"
ABSENT = "absent"
LONGEST = 200  # characters of a text that somebody else chose
_DIGITS = 12


@dataclass(frozen=True)
class Redaction:
    key: bytes = field(repr=False)

    def of(self, value: str | None) -> str:
        """The same text for the same value, and no way back."""
        if value is None:
            return ABSENT
        if value.startswith(REFERENCE):
            return cut(value)
        return f"#{hmac.digest(self.key, value.encode(), hashlib.sha256).hex()[:_DIGITS]}"


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
