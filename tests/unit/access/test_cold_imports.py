"""What the HTTP path imports before the first token must not cost what only a token needs."""

from __future__ import annotations

import subprocess
import sys

PATHS = (
    "shared.access.authoriser, shared.access.governance, shared.access.outbound, shared.http.problem, shared.http.routes"
)
HEAVY = ("joserfc", "cryptography", "aiohttp", "azure")


def test_no_crypto_or_client_library_is_imported_before_it_is_needed() -> None:
    code = f"import sys, {PATHS}, shared.http.validation; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in modules if name.partition(".")[0] in HEAVY]
