"""Cursors that only we can make and that open only the list they were made for.

A cursor carries the row key to go on after, signed together with tenant, route and filters: changed by a letter, taken to
another tenant, route or filter, it is `MalformedRequest`. Opaque to callers, not secret from them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.kernel.canonical import canonical
from shared.kernel.errors import MalformedRequest

MAC_BYTES = 16
PURPOSE = "list-cursor"  # the key signs other things too: nothing of theirs may ever pass for a cursor


@dataclass(frozen=True)
class Cursors:
    signing_key: bytes = field(repr=False)

    def seal(self, tenant_id: str, route: str, filters: Mapping[str, str], after: str) -> str:
        """A cursor that continues `route`, filtered by `filters`, after the row key `after`."""
        mac = self._mac(tenant_id, route, filters, after)
        return base64.urlsafe_b64encode(mac + after.encode()).rstrip(b"=").decode()

    def open(self, tenant_id: str, route: str, filters: Mapping[str, str], sealed: str) -> str:
        """The row key to go on after. Raises `MalformedRequest` unless `seal` made it from the same three."""
        try:
            raw = base64.b64decode(sealed.encode("ascii") + b"=" * (-len(sealed) % 4), b"-_", validate=True)
            mac, after = raw[:MAC_BYTES], raw[MAC_BYTES:].decode("utf-8")
        except ValueError:
            raise _foreign() from None
        same = hmac.compare_digest(mac, self._mac(tenant_id, route, filters, after))
        if not same or sealed != self.seal(tenant_id, route, filters, after):  # one spelling of base64, not four
            raise _foreign()
        return after

    def _mac(self, tenant_id: str, route: str, filters: Mapping[str, str], after: str) -> bytes:
        bound = canonical([PURPOSE, tenant_id, route, dict(filters), after])
        return hmac.digest(self.signing_key, bound, hashlib.sha256)[:MAC_BYTES]


def _foreign() -> MalformedRequest:
    return MalformedRequest({"cursor": ["is not a cursor of this list"]})
