"""The engine on Pulumi: `PROVISIONER_ENGINE=infra.provisioner.pulumi_engine`.

engine: make, inspect, destroy · running: one run, followed and stopped · stacks: one stack per environment ·
command: the command line, which can be interrupted · events: what the engine tells, as steps · adoption: what reached Azure
and not the state · locks: a lock that a lost attempt left behind · failures: what went wrong, as the platform's errors.
"""

from __future__ import annotations

import shutil

from infra.environment.program import program
from infra.provisioner.engine import Engine, EngineSettings
from infra.provisioner.pulumi_engine.engine import PulumiEngine

__all__ = ["PulumiEngine", "engine"]


def engine(settings: EngineSettings) -> Engine:
    """Raises `ValueError`, in one line for a person, when it cannot work."""
    if shutil.which("pulumi") is None:
        raise ValueError("PROVISIONER_ENGINE is Pulumi, and there is no `pulumi` on PATH")
    if not settings.backend_url:
        raise ValueError("PULUMI_BACKEND_URL is missing: where the states of stacks are kept")
    if not (settings.passphrase or settings.secrets_provider):
        raise ValueError("one of PULUMI_SECRETS_PROVIDER, PULUMI_CONFIG_PASSPHRASE is needed: secrets are kept encrypted")
    return PulumiEngine(settings, program)
