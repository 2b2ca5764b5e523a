"""One stack for each environment, in one project, on the backend and with the secrets' key that the settings name.

A stack's name carries tenant and environment id, so two tenants' equal names never meet: what callers see as
`pulumiStackRef` is the environment's name and leads nowhere here. Nothing of a stack is on this machine: its state is in
the backend, its configuration is written anew for each run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pulumi import automation as auto
from pulumi.automation.errors import StackNotFoundError

from infra.provisioner.engine import EngineSettings, EnvironmentRecord
from infra.provisioner.pulumi_engine.command import Command
from shared.kernel.canonical import sha256

PROJECT: Final = "runtime-environments"
Program = Callable[[], None]
_LONGEST_TENANT: Final = 60  # characters of a stack's name, which has 100
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def stack_name(tenant_id: str, environment_id: str) -> str:
    """Different for different pairs. Lower case only, since a backend may be a folder that knows no case."""
    tenant = "".join(character if character in _PLAIN else f"_{ord(character):x}_" for character in tenant_id)
    if len(tenant) > _LONGEST_TENANT:
        tenant = f"_h{sha256(tenant_id)[:40]}"  # no escaped text begins so: h is no hex digit
    return f"{tenant}.{environment_id}"


@dataclass(frozen=True)
class Opened:
    """A stack that can be worked on, and the command line that does."""

    stack: auto.Stack
    command: Command


@dataclass(frozen=True)
class Stacks:
    settings: EngineSettings

    @contextmanager
    def opened(self, record: EnvironmentRecord, program: Program, *, create: bool) -> Iterator[Opened | None]:
        """The environment's stack; None when there is none and none is to be created. Blocks: not for an event loop."""
        name = stack_name(record.tenant_id, record.environment_id)
        with tempfile.TemporaryDirectory(prefix="runtime-pulumi-") as folder:
            command = Command(self.settings.environ)
            workspace = self._workspace(folder, command, program, name, record.placement["subscriptionId"])
            try:
                stack = (auto.Stack.create_or_select if create else auto.Stack.select)(name, workspace)
            except StackNotFoundError:
                yield None
                return
            yield Opened(stack, command)

    def _workspace(
        self, folder: str, command: Command, program: Program, name: str, subscription: str
    ) -> auto.LocalWorkspace:
        settings = self.settings
        provider = settings.secrets_provider or "passphrase"
        own = auto.StackSettings(config=_config(settings, subscription), secrets_provider=_external(provider))
        return auto.LocalWorkspace(
            work_dir=folder,
            program=program,
            pulumi_command=command,
            secrets_provider=provider,
            env_vars=_variables(settings),
            project_settings=auto.ProjectSettings(
                name=PROJECT, runtime="python", backend=auto.ProjectBackend(settings.backend_url)
            ),
            stack_settings={name: own},
        )


def _external(provider: str) -> str | None:
    """A provider that Pulumi is told of by name; a passphrase is its default on backends like ours."""
    return None if provider == "passphrase" else provider


def _config(settings: EngineSettings, subscription: str) -> dict[str, Any]:
    """The provider's configuration: the environment's subscription, as the job's identity."""
    config: dict[str, Any] = {"azure-native:subscriptionId": subscription, "azure-native:useMsi": "true"}
    if settings.client_id:
        config["azure-native:clientId"] = settings.client_id
    return config


def _variables(settings: EngineSettings) -> Mapping[str, str]:
    return {
        "PULUMI_BACKEND_URL": settings.backend_url,
        "PULUMI_CONFIG_PASSPHRASE": settings.passphrase,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        **({"AZURE_CLIENT_ID": settings.client_id} if settings.client_id else {}),
    }
