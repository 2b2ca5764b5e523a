"""The rows of a new deployment: itself, and the one that lists it newest first."""

from __future__ import annotations

from shared.events.journal import Transaction
from shared.kernel.record import Record
from shared.runtime.deployments.events import DeploymentRequested
from shared.runtime.deployments.model import Deployment
from shared.store import keys

LISTED = "dep"


class ListedDeployment(Record):
    deployment_id: str


def add(tx: Transaction, deployment: Deployment) -> None:
    """Add a deployment that nobody knew of to the change that requests it, and the event that tells of it."""
    ident = deployment.deployment_id
    tx.create(ident, deployment)
    tx.create(keys.listed(LISTED, deployment.created_at, ident), ListedDeployment(deployment_id=ident))
    tx.emit(DeploymentRequested.of(deployment))
