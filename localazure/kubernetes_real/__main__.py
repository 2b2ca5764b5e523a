"""`python -m localazure.kubernetes_real --data D [--watch-stdin]`: the nodes of a real Kubernetes that runs alone."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from localazure.child_process import end_on_request, loop_factory
from localazure.kubernetes_real.cluster import RealCluster
from localazure.layout import Layout
from localazure.services.kubeconfig import write_kubeconfig
from localazure.shelf import Shelf
from localazure.supervisor.kept import CLUSTER_TOKEN, secret
from localazure.tls import Forwarder
from localazure.workloads.loads import Loads
from localazure.workloads.runner import Runner


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m localazure.kubernetes_real", description="Nodes of a real Kubernetes.")
    parser.add_argument("--data", type=Path, required=True, help="the data folder (localazure.layout)")
    parser.add_argument("--watch-stdin", action="store_true", help="end when stdin reaches its end")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(Layout(options.data.absolute()), options.watch_stdin))


async def _serve(layout: Layout, watch_stdin: bool) -> None:
    ended = asyncio.Event()
    end_on_request(ended.set, watch_stdin=watch_stdin)
    shelf = Shelf(layout.state)
    workloads = Runner(shelf)
    cluster = RealCluster(layout, shelf, workloads, Loads(shelf), authorise=lambda _token: False)
    front = Forwarder(layout.ports["kubernetes"], layout.ports["kubernetesApi"])
    write_kubeconfig(layout, secret(layout.data, CLUSTER_TOKEN))
    await workloads.restore()
    try:
        await cluster.start()
        await front.start()
        await ended.wait()
    finally:
        await front.stop()
        await cluster.stop()
        await workloads.close()
        shelf.close()


if __name__ == "__main__":
    main()
