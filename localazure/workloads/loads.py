"""How much work services have, as somebody says it: what autoscalers of the local cluster measure.

A load is that of a whole service, and its replicas share it evenly, so that more replicas really have less each. `cpu` and
`memory` are in percent of what one replica requests; every other metric is in a unit of its own (requests a second, waiting
messages). A metric nobody spoke of is not measured at all. Loads are on disk before the call that sets them returns.
"""

from __future__ import annotations

from collections.abc import Mapping

from localazure.shelf import Shelf

KIND = "workload.load"


class Loads:
    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._held: dict[tuple[str, str], dict[str, float]] = {}
        for row in shelf.all(KIND).values():
            self._held[row["environmentId"], row["serviceId"]] = dict(row["metrics"])

    def put(self, environment_id: str, service_id: str, metric: str, value: float) -> None:
        """Say what a metric of a service is from now on."""
        metrics = self._held.setdefault((environment_id, service_id), {})
        metrics[metric] = value
        row = {"environmentId": environment_id, "serviceId": service_id, "metrics": metrics}
        self._shelf.put(KIND, f"{environment_id}/{service_id}", row)

    def clear(self) -> None:
        """Nothing is measured any more."""
        self._held.clear()
        for key in self._shelf.all(KIND):
            self._shelf.delete(KIND, key)

    def of(self, environment_id: str, service_id: str) -> Mapping[str, float]:
        """By metric; empty for a service nobody spoke of."""
        return self._held.get((environment_id, service_id), {})
