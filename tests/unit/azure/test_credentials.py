from __future__ import annotations

import subprocess
import sys

from shared.azure.credentials import Credentials


async def test_one_credential_is_shared_and_made_when_first_asked_for() -> None:
    credentials = Credentials("client")
    await credentials.close()  # none was made
    first = credentials.get()
    assert credentials.get() is first
    await credentials.close()
    assert credentials.get() is not first
    await credentials.close()


def test_no_sdk_is_imported_before_it_is_used() -> None:
    modules = "shared.azure.arm, shared.azure.bus, shared.azure.vault, shared.azure.credentials, shared.targets.registry"
    code = f"import sys, {modules}; print([m for m in sys.modules if m.split('.')[0] in ('azure', 'lightkube', 'aiohttp')])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
