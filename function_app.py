"""Settings → container → DFApp → the blueprints; nothing else.

Settings are read when something first needs them, not here: what fails while the host indexes makes Azure show no
function at all, silently. What is missing then stands in the answer of /health.
"""

from __future__ import annotations

import os

import azure.durable_functions as df
import azure.functions as func

from blueprints import (
    configurations,
    contract,
    deployments,
    drift,
    environments,
    fallback,
    internal,
    isolation,
    messages,
    operations,
    orchestrations,
    probes,
    scaling_policies,
    schedules,
    secret_bindings,
    services,
    ui,
)
from blueprints.endpoint import Endpoints
from blueprints.serving import Serving
from shared.kernel import lines

REST = (
    environments,
    deployments,
    configurations,
    secret_bindings,
    services,
    scaling_policies,
    drift,
    operations,
    isolation,
    internal,
    contract,
    probes,
)

lines.install()
serving = Serving(os.environ)
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
endpoints = Endpoints(df.Blueprint(), serving.serve)
serving.table = endpoints.table

for routes in REST:
    routes.register(endpoints, serving.container)
ui.register(endpoints, serving.settings)
fallback.register(endpoints)
for triggers in (orchestrations, schedules, messages):
    triggers.register(endpoints.blueprint, serving.container)
schedules.probe_isolation(endpoints.blueprint, endpoints.table, serving.container)
app.register_functions(endpoints.blueprint)


async def close() -> None:
    """Ends what the container opened; the local host calls it at shutdown, Azure just stops the process."""
    await serving.close()
