"""What the API server of a real cluster asks of us, over HTTPS: whose a token is, on which port a pod is to listen, what
services have to do.

Every pod's address is loopback, so a pod is told apart by its port: admission puts a free one in the place of the first
`containerPort` of the template, and the pod's replica listens there. Metrics are those that the control API was told
(`localazure.workloads.loads`), in the three APIs that autoscalers read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localazure.kubernetes_real.furnishing import PLATFORM
from localazure.kubernetes_real.metrics import Metrics
from localazure.workloads.ports import FreePorts

Json = dict[str, Any]


def application(authorise: Callable[[str], bool], metrics: Metrics) -> Starlette:
    """`authorise` says whether a token is the platform's."""
    ports = FreePorts()

    async def authenticate(request: Request) -> Response:
        review = await request.json()
        return JSONResponse(_reviewed(review, authorise(review["spec"]["token"])))

    async def admit(request: Request) -> Response:
        review = await request.json()
        return JSONResponse(admitted(review, ports.draw))

    return Starlette(
        routes=[
            Route("/authenticate", authenticate, methods=["POST"]),
            Route("/admit", admit, methods=["POST"]),
            *metrics.routes(),
        ]
    )


def _reviewed(review: Mapping[str, Any], known: bool) -> Json:
    """A TokenReview that is answered."""
    status: Json = {"authenticated": known}
    if known:
        status["user"] = {"username": PLATFORM, "groups": [PLATFORM]}
    return {"apiVersion": review["apiVersion"], "kind": "TokenReview", "status": status}


def admitted(review: Mapping[str, Any], draw: Callable[[], int]) -> Json:
    """An AdmissionReview of a pod that is answered: let in, with a port of its own if it names one at all."""
    request = review["request"]
    response: Json = {"uid": request["uid"], "allowed": True}
    if request["object"]["spec"]["containers"][0].get("ports"):
        patch = [{"op": "replace", "path": "/spec/containers/0/ports/0/containerPort", "value": draw()}]
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
    return {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response}
