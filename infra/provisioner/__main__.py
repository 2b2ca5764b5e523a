"""Run the engine once and exit: for one attempt of an operation, or for a look at what stands.

    python -m infra.provisioner --tenant T --operation op-… --attempt N
    python -m infra.provisioner --tenant T --inspect env-…

Exit status 0 when the outcome is on the operation row, whatever it is, or when another worker has the attempt; 1 when
the row could not be reached, which the orchestration sees as a job that died, or nothing could be looked at; 2 when there
is nothing to run.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import uuid
from collections.abc import Awaitable
from datetime import timedelta

from infra.provisioner.engine import PLATFORM, Engine, EngineSettings, load
from infra.provisioner.inspection import Inspection
from infra.provisioner.job import Job
from infra.provisioner.patience import Patience, Patient
from shared.azure import telemetry
from shared.container import Container
from shared.events.journal import Place
from shared.events.work import Work, WorkKind
from shared.kernel import lines
from shared.kernel.clock import draw, now
from shared.kernel.errors import RuntimeCloudError
from shared.kernel.ids import OperationId, environment_of
from shared.kernel.settings import BadSettings, read
from shared.operations.model import Run
from shared.runtime.environments.infrastructure import Looks

log = logging.getLogger("provisioner")
EXECUTION = "CONTAINER_APP_JOB_EXECUTION_NAME"  # set by Container Apps in every replica of a job
LONGEST = timedelta(hours=2)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.provisioner")
    parser.add_argument("--tenant", required=True)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--operation")
    what.add_argument("--inspect", metavar="ENVIRONMENT")
    parser.add_argument("--attempt", type=int)
    arguments = parser.parse_args()
    if arguments.operation and arguments.attempt is None:
        parser.error("--operation needs --attempt")
    lines.install()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        container = Container(read(os.environ))
        telling = telemetry.start(container.settings, telemetry.Service("runtime-provisioner"))
        engine = load(os.environ.get("PROVISIONER_ENGINE", ""), _engine_settings(container))
    except (BadSettings, ValueError) as wrong:
        print(f"the provisioner cannot run: {wrong}", file=sys.stderr)  # noqa: T201 - a command line's own output
        return 2
    telling.wait()  # nobody waits for a job's first second, and all of its work is to be told
    subject = arguments.operation or arguments.inspect
    work = _operate if arguments.operation else _inspect
    try:
        asyncio.run(_until_told_to_stop(_closing(container, work(container, engine, arguments))))
    except RuntimeCloudError as error:
        log.error("%s: %r", subject, error)
        return 1
    except asyncio.CancelledError:
        log.warning("%s: it was told to stop", subject)
        return 1
    return 0


async def _operate(container: Container, engine: Engine, arguments: argparse.Namespace) -> None:
    run = Run(
        tenant_id=arguments.tenant,
        environment_id=environment_of(arguments.operation),
        operation_id=OperationId(arguments.operation),
        attempt=arguments.attempt,
        must_settle_by=now() + LONGEST,
    )

    async def nudge(run: Run) -> None:
        work = Work(
            kind=WorkKind.NUDGE,
            tenant_id=run.tenant_id,
            environment_id=run.environment_id,
            operation_id=run.operation_id,
            attempt=run.attempt,
        )
        await container.messaging.send(work, message_id=f"nudge-{run.instance_id}")

    container.messaging.open()  # a sender takes a second to open: meanwhile the engine works
    patience = Patience(container.settings.pace.transient_budget)
    execution = os.environ.get(EXECUTION) or f"local-{uuid.uuid4().hex}"
    await Job(container.runs, engine, Patient(container.arm, patience), execution, nudge, patience).work(run)


async def _inspect(container: Container, engine: Engine, arguments: argparse.Namespace) -> None:
    patience = Patience(container.settings.pace.transient_budget)
    looks = Looks(container.store, draw)
    inspection = Inspection(container.isolation, looks, engine, Patient(container.arm, patience), patience, now)
    await inspection.work(Place(arguments.tenant, environment_of(arguments.inspect)))


async def _closing(container: Container, work: Awaitable[None]) -> None:
    try:
        await work
    finally:
        await container.close()


def _engine_settings(container: Container) -> EngineSettings:
    return EngineSettings(
        backend_url=os.environ.get("PULUMI_BACKEND_URL", ""),
        secrets_provider=os.environ.get("PULUMI_SECRETS_PROVIDER", ""),
        passphrase=os.environ.get("PULUMI_CONFIG_PASSPHRASE", ""),
        platform={output: ident for setting, output in PLATFORM.items() if (ident := os.environ.get(setting))},
        client_id=container.settings.identity.managed_identity_client_id or "",
        environ=dict(os.environ),
    )


async def _until_told_to_stop(work: Awaitable[None]) -> None:
    """A job that is stopped gets SIGTERM: the engine then brings to its end what is under way and writes it down."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


if __name__ == "__main__":
    sys.exit(main())
