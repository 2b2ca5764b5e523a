"""A broker as a process of its own, to be killed: `broker_process.py <port> <shelf>`; prints a line once it listens."""

from __future__ import annotations

import asyncio
import sys

from localazure.service_bus import Broker, Entities, QueueSpec, Subscription, TopicSpec
from localazure.shelf import Shelf

ENTITIES = Entities(
    queues=(QueueSpec("work", max_delivery=3, lock_seconds=3), QueueSpec("later")),
    topics=(TopicSpec("events", (Subscription("first"), Subscription("second")), duplicate_window=600),),
)


async def main(port: int, shelf: str) -> None:
    await Broker(Shelf(shelf), port, ENTITIES).start()
    print("listening", flush=True)  # noqa: T201 — the parent waits for it
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
